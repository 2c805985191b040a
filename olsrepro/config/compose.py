"""From override lines to a RunConfig: Hydra composes the groups, then every implied value is made explicit."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from olsrepro.config.backbone import renamed
from olsrepro.config.locate import configs_folder
from olsrepro.config.overrides import GROUPS, Overrides, group_choices, parse_overrides
from olsrepro.config.run_config import CUSTOM, RunConfig
from olsrepro.config.validate import validate
from olsrepro.data.settings import DatasetSettings, NoiseSettings
from olsrepro.methods import registry as methods
from olsrepro.models import registry as models
from olsrepro.settings import UserError, did_you_mean, fact_names
from olsrepro.training.settings import RecipeSettings, RuntimeSettings, scaled_milestones

T = TypeVar("T")
DEFAULT_PRESET = "smoke"  # as configs/config.yaml has it; tested
Tree = dict[str, Any]


def compose_run(lines: Sequence[str], config_dir: Path | None = None) -> RunConfig:
    """The run that override lines describe, complete and checked.

    Args:
        lines: Hydra overrides, ``group=name`` or ``group.key=value``.
        config_dir: a folder of the user's own groups, searched after ours.

    Raises:
        UserError: anything in them is wrong; the message names key, value and the nearest valid choices.
    """
    folders = _folders(config_dir)
    overrides = parse_overrides(lines, folders)
    if overrides.values:
        _check_keys(overrides, _compose(overrides.only_choices(*GROUPS), folders))
    tree = _compose(overrides.lines, folders)
    config = _resolve(tree, folders, preset=CUSTOM)
    validate(config)
    return replace(config, preset=_preset(config, overrides, folders))


def _folders(config_dir: Path | None) -> list[Path]:
    if config_dir is None:
        return [configs_folder()]
    if not config_dir.is_dir():
        raise UserError(f"--config-dir {config_dir} is no folder")
    return [configs_folder(), config_dir.resolve()]


def _compose(lines: Iterable[str], folders: Sequence[Path]) -> Tree:
    search = [f"hydra.searchpath=[{','.join(f'file://{folder}' for folder in folders[1:])}]"] if folders[1:] else []
    try:
        with initialize_config_dir(str(folders[0]), version_base="1.3"):
            config = compose("config", overrides=[*lines, *search])
        return _plain(config)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_one_line(error)) from None


def _plain(config: DictConfig) -> Tree:
    tree = OmegaConf.to_container(config, resolve=True)
    return {str(key): value for key, value in tree.items()} if isinstance(tree, dict) else {}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split("\n    ")[0].split())


def _check_keys(overrides: Overrides, tree: Tree) -> None:
    """Refuse keys that the chosen components don't have; Hydra's own refusal would not know the nearest."""
    for key, value in overrides.values.items():
        group, _, name = key.partition(".")
        if group == "seed":
            continue
        if group == "preset":
            raise UserError(f"{key}={value}: a preset has nothing to set; choose one by preset=NAME")
        if group not in GROUPS:
            raise UserError(f"{key}={value}: {group} is no group; {did_you_mean(group, GROUPS)}")
        settings = _settings_class(group, tree[group])
        read_only = fact_names(settings) | {"name", "family"}
        if name in read_only and name in tree[group]:
            raise UserError(
                f"{key}={value}: {name} describes the {group} and can't be set; choose another by {group}=…"
            )
        known = [item.name for item in fields(settings) if item.name not in read_only]
        if name not in known:
            raise UserError(_unknown_key(key, group, name, known, tree[group].get("name", "")))


def _unknown_key(key: str, group: str, name: str, known: Sequence[str], component: str) -> str:
    where = f"{group}={component}" if component else group
    if group == "method":
        owners = [m for m in methods.method_names() if name in {f.name for f in fields(methods.settings_class(m))}]
        if owners:
            return f"{key}: {where} has no {name}; {', '.join(owners)} {'has' if len(owners) == 1 else 'have'}"
    return f"{key}: {where} has no {name}; " + (did_you_mean(name, known) if known else "it has nothing to set")


def _settings_class(group: str, node: Mapping[str, Any]) -> type[Any]:
    if group == "backbone":
        return models.settings_class(node["family"])
    if group == "method":
        return methods.settings_class(node["name"])
    plain: dict[str, type[Any]] = {
        "dataset": DatasetSettings,
        "noise": NoiseSettings,
        "recipe": RecipeSettings,
        "runtime": RuntimeSettings,
    }
    return plain[group]


def _resolve(tree: Tree, folders: Sequence[Path], preset: str) -> RunConfig:
    seed = _seed(tree["seed"])
    dataset = _settings("dataset", DatasetSettings, tree["dataset"])
    recipe = _settings("recipe", RecipeSettings, _with_milestones(tree["recipe"]))
    runtime = _settings("runtime", RuntimeSettings, tree["runtime"])
    return RunConfig(
        dataset=dataset,
        noise=_settings("noise", NoiseSettings, tree["noise"]).resolved(seed),
        backbone=renamed(
            _settings("backbone", _settings_class("backbone", tree["backbone"]), tree["backbone"]), folders
        ),
        method=_settings(
            "method", _settings_class("method", tree["method"]), _for_dataset(tree["method"], dataset.name)
        ),
        recipe=recipe,
        runtime=replace(runtime, data_dir=_absolute(runtime.data_dir), runs_dir=_absolute(runtime.runs_dir)),
        seed=seed,
        preset=preset,
    )


def _seed(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UserError(f"seed={value} must be a whole number of at least 0")
    return value


def _absolute(path: str) -> str:
    return str(Path(os.path.expanduser(path)).absolute())


def _with_milestones(recipe: Tree) -> Tree:
    """Milestones that nobody gave, scaled from the reference's to the epochs."""
    node = {key: value for key, value in recipe.items() if key != "reference"}
    reference, epochs = recipe.get("reference"), node.get("epochs")
    if node.get("milestones") is None and reference and isinstance(epochs, int):
        node["milestones"] = scaled_milestones(reference["milestones"], epochs, reference["epochs"])
    return node


def _for_dataset(method: Tree, dataset: str) -> Tree:
    """What null stands for on this data set, by the method's table ``by_dataset``."""
    node = {key: value for key, value in method.items() if key != "by_dataset"}
    table = method.get("by_dataset", {})
    defaults = table.get(dataset, table.get("default", {}))
    return {key: defaults.get(key) if value is None else value for key, value in node.items()}


def _settings(group: str, cls: type[T], node: Mapping[str, Any]) -> T:
    """A settings object with every value converted to its field's type and checked."""
    try:
        typed = OmegaConf.merge(OmegaConf.structured(cls), dict(node))
        values = OmegaConf.to_container(typed)
        assert isinstance(values, dict)
        return cls(**{str(key): value for key, value in values.items()})
    except OmegaConfBaseException as error:
        key = f"{group}.{error.key}" if error.key is not None else group
        raise UserError(f"{key}: {str(error.msg or error).splitlines()[0]}") from None
    except ValueError as error:
        prefix = "" if str(error).startswith(f"{group}.") else f"{group}."
        raise UserError(f"{prefix}{error}") from None


def _preset(config: RunConfig, overrides: Overrides, folders: Sequence[Path]) -> str:
    """The chosen preset's name if the recipe and all else that presets set are its own for this data set."""
    chosen = overrides.choices.get("preset", DEFAULT_PRESET)
    if not overrides.values and "recipe" not in overrides.choices:
        return chosen
    lines = overrides.only_choices("dataset", "backbone", "method", "noise", "preset")
    own = _resolve(_compose(lines, folders), folders, preset=chosen)
    same = own.recipe == config.recipe and all(
        getattr(own.backbone, key) == getattr(config.backbone, key) for key in _set_by_presets(folders, "backbone")
    )
    return chosen if same else CUSTOM


def _set_by_presets(folders: Sequence[Path], group: str) -> set[str]:
    """Keys of a group that any preset sets."""
    files = [folder / "preset" / f"{name}.yaml" for folder in folders for name in group_choices("preset", [folder])]
    nodes = (OmegaConf.load(path) for path in files)
    return {str(key) for node in nodes if isinstance(node, DictConfig) for key in (node.get(group) or {})}
