"""Run ids: 16 hex digits over what changes a run's result, then the seed; the same config is one run everywhere."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import MISSING, fields, replace
from typing import Any

from olsrepro.config.run_config import RunConfig
from olsrepro.config.teacher import teacher_config
from olsrepro.data.noise.settings import NoiseSettings
from olsrepro.data.settings import DatasetSettings
from olsrepro.methods.registry import settings_class as method_settings
from olsrepro.models.registry import settings_class as backbone_settings
from olsrepro.settings import Component, cached_by_class, is_fact
from olsrepro.training.recipe import REPLACED, RecipeSettings

FORMAT = 1


def canonical(config: RunConfig) -> dict[str, Any]:
    """Return what the id is a hash of: each component's version and the fields that differ from their frozen defaults.

    A field that is added later with a default therefore renames no old run, while a change of code that moves results
    raises a component's ``version``. Preset, device, paths, workers and logging are not in it. The id of the teacher's
    run is, whether it was named or implied.
    """
    family, method = config.backbone.family, config.method.name
    return {
        "format": FORMAT,
        "dataset": {"name": config.dataset.name} | _changed(config.dataset, _plain(config.dataset)),
        "noise": _changed(config.noise, _default_noise(config.noise)),
        "backbone": {"family": family} | _changed(config.backbone, _default(backbone_settings(family))),
        "method": {"name": method} | _changed(config.method, _default(method_settings(method))) | _taught_by(config),
        "recipe": _changed(_used_recipe(config), _default(type(config.recipe))),
    }


def _changed(settings: Component, defaults: Component) -> dict[str, Any]:
    frozen = defaults.identity()  # a bundle may have keys of its own, which the default lacks
    changed = {
        key: _exact(value, frozen.get(key))
        for key, value in settings.identity().items()
        if key not in frozen or value != frozen[key]
    }
    return {"version": settings.version} | changed


@cached_by_class
def _default(cls: type[Any]) -> Any:
    return cls()


def _default_noise(noise: NoiseSettings) -> NoiseSettings:
    """Return the defaults of its kind; the default of the kind itself is that there is none."""
    return replace(type(noise)(), kind=NoiseSettings.kind)


def _plain(dataset: DatasetSettings) -> DatasetSettings:
    """Return the settings with every switch at its default; facts have none, and stay."""
    switches = {
        item.name: item.default for item in fields(dataset) if item.default is not MISSING and not is_fact(item)
    }
    return replace(dataset, **switches)


def _exact(value: Any, default: Any) -> Any:
    """Return a number in the one form that JSON may see: 1 is 1.0 where the default is a float, and -0.0 is 0.0."""
    return float(value) + 0.0 if isinstance(default, float) and value is not None else value


def _used_recipe(config: RunConfig) -> RecipeSettings:
    """Return the recipe without what a method's own replaces; that follows from the method's switches."""
    if config.method.own_recipe(config.recipe.epochs) is None:
        return config.recipe
    plain = RecipeSettings()
    return replace(config.recipe, **{key: getattr(plain, key) for key in REPLACED})


def _taught_by(config: RunConfig) -> dict[str, str]:
    teacher = teacher_id(config)
    return {} if teacher is None else {"teacher": teacher}


def teacher_id(config: RunConfig) -> str | None:
    """Return the id of the run whose network teaches this one; None where the method wants no teacher."""
    own = teacher_config(config)
    return config.method.teacher_run if own is None else run_id(own)


def is_run_id(name: str) -> bool:
    """Return whether a name has the form of a run's id."""
    return re.fullmatch(r"[0-9a-f]{16}-s\d+", name) is not None


def run_id(config: RunConfig) -> str:
    """Return the id of a run, such as ``3f9c2a17b04d5e61-s0``."""
    text = json.dumps(canonical(config), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]}-s{config.seed}"
