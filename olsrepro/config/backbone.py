"""Name and facts of a backbone whose structure was overridden, from the config that describes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from olsrepro.config import yaml_file
from olsrepro.config.overrides import group_choices
from olsrepro.models.registry import settings_class
from olsrepro.models.settings import SCALES, BackboneSettings
from olsrepro.settings import UserError


def renamed(backbone: BackboneSettings, folders: Sequence[Path]) -> BackboneSettings:
    """Return the backbone with the name and facts of the config that describes its structure.

    ``backbone=resnet20 backbone.depth=32`` is resnet32. One that no config describes is named after its structure, and
    its ``params`` and ``macs`` are 0, for unknown.
    """
    own = _structure(backbone)
    for known, structure in chain.from_iterable(map(_described, folders)):
        if known.family == backbone.family and structure == own:
            return replace(backbone, name=known.name, params=known.params, macs=known.macs)
    told = ",".join(f"{key}={value}" for key, value in own.items())
    return replace(backbone, name=f"{backbone.family}({told})", params=0, macs=0)


def _structure(backbone: BackboneSettings) -> dict[str, Any]:
    """Return a backbone's identity without width and depth factor, which scale any structure."""
    return {key: value for key, value in backbone.identity().items() if key not in SCALES}


@cache
def _described(folder: Path) -> tuple[tuple[BackboneSettings, dict[str, Any]], ...]:
    return tuple((known, _structure(known)) for known in _read(folder))


def _read(folder: Path) -> Iterator[BackboneSettings]:
    for name in group_choices("backbone", [folder]):
        try:
            yield _settings(folder / "backbone" / f"{name}.yaml")
        except (UserError, ValueError, TypeError, KeyError):
            continue  # a user's own file with a mistake, or built on another: it is refused or read when chosen


def _settings(path: Path) -> BackboneSettings:
    node = OmegaConf.to_container(yaml_file.load(path))
    if not isinstance(node, dict):
        raise TypeError(f"{path} holds no mapping")
    cls = settings_class(str(node["family"]))
    known = {item.name for item in fields(cls)}
    return cls(**{str(key): value for key, value in node.items() if key in known})
