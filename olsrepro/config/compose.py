"""Composition of a RunConfig from override lines: groups are composed, then every implied value is made explicit."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from olsrepro.checks import did_you_mean
from olsrepro.config import yaml_file
from olsrepro.config.backbone import renamed
from olsrepro.config.components import settings_class
from olsrepro.config.fill import fill, shown, switch_names, unknown_key
from olsrepro.config.hydra_trees import HydraTrees, Tree, Trees
from olsrepro.config.locate import configs_folder
from olsrepro.config.merged_trees import MergedTrees
from olsrepro.config.overrides import GROUPS, ConfigFolders, Overrides, group_choices, parse_overrides
from olsrepro.config.pretrained import started
from olsrepro.config.run_config import CUSTOM, RunConfig
from olsrepro.config.stand_in import shrunk, sized
from olsrepro.config.validate import validate
from olsrepro.data.settings import DatasetSettings
from olsrepro.data.stand_in import stands_for
from olsrepro.methods.settings import MethodSettings
from olsrepro.settings import UserError
from olsrepro.training.recipe import RecipeSettings
from olsrepro.training.runtime import RuntimeSettings
from olsrepro.training.schedule import scaled_milestones

DEFAULT_PRESET = "smoke"  # as configs/config.yaml has it; tested


def compose_run(lines: Sequence[str], config_dir: Path | None = None) -> RunConfig:
    """Return the run that override lines describe, complete and checked.

    Args:
        lines: Hydra overrides, ``group=name`` or ``group.key=value``.
        config_dir: a folder of the user's own groups, searched after ours.

    Raises:
        UserError: anything in them is wrong; the message names key, value and the nearest valid choices.
    """
    folders = _folders(config_dir)
    trees = HydraTrees(folders.paths)
    overrides, tree = _read(lines, folders, trees)
    return _seeded(_drafted(overrides, tree, folders, trees), tree["seed"])


def compose_many(requests: Iterable[Sequence[str]], config_dir: Path | None = None) -> list[RunConfig]:
    """Compose a run for each request, a hundred times as fast as :func:`compose_run`: config files are read once.

    Raises:
        UserError: of the first request that is wrong.
    """
    composer = Composer(config_dir)
    return [composer.compose(lines) for lines in requests]


class Composer:
    """Composer of the runs of a sweep one by one, as :func:`compose_run` composes them; it caches what they share.

    Config files are read once. Runs that differ in their seed alone are resolved once, and come from a pickle, which
    keeps them from sharing a list.
    """

    def __init__(self, config_dir: Path | None = None) -> None:
        self._folders = _folders(config_dir)
        self._trees = MergedTrees(self._folders.paths)
        self._drafts: dict[tuple[bytes, frozenset[tuple[str, str]]], bytes] = {}

    def compose(self, lines: Sequence[str]) -> RunConfig:
        """Return the run that override lines describe; :class:`UserError` where they are wrong."""
        overrides, tree = _read(lines, self._folders, self._trees)
        key = pickle.dumps(tree | {"seed": None}), frozenset(overrides.choices.items())
        if key not in self._drafts:
            self._drafts[key] = pickle.dumps(_drafted(overrides, tree, self._folders, self._trees))
        return _seeded(pickle.loads(self._drafts[key]), tree["seed"])


def _read(lines: Sequence[str], folders: ConfigFolders, trees: Trees) -> tuple[Overrides, Tree]:
    overrides = parse_overrides(lines, folders)
    _check_recipe(overrides, folders)
    if overrides.values:
        _check_keys(overrides, trees.of_choices(overrides.choices_of(*GROUPS)))
    tree = trees.of_run(overrides)
    _check_seed(tree["seed"])
    return overrides, tree


def _drafted(overrides: Overrides, tree: Tree, folders: ConfigFolders, trees: Trees) -> RunConfig:
    """Return the run but for its seed and what follows from it; its preset is named already."""
    draft = _resolve(tree, folders.paths)
    return replace(draft, preset=_preset(draft, overrides, folders, trees))


def _seeded(draft: RunConfig, seed: int) -> RunConfig:
    """Return the run of a seed, checked."""
    config = replace(draft, noise=draft.noise.resolved(seed), seed=seed)
    validate(config)
    return config.shortest()


def _folders(config_dir: Path | None) -> ConfigFolders:
    if config_dir is None:
        return ConfigFolders([configs_folder()])
    if not config_dir.is_dir():
        raise UserError(f"--config-dir {config_dir} is not a folder")
    _refuse_our_names(config_dir)
    return ConfigFolders([configs_folder(), config_dir.resolve()])


def _refuse_our_names(config_dir: Path) -> None:
    """Refuse a user's file that has the name of one of ours: ours come first, so it would never be read."""
    for group in GROUPS:
        for name in set(group_choices(group, [config_dir])) & set(group_choices(group, [configs_folder()])):
            raise UserError(
                f"{config_dir / group / name}.yaml has the name of one of ours; rename it, for example to my_{name}"
            )


def _check_recipe(overrides: Overrides, folders: ConfigFolders) -> None:
    if "recipe" not in overrides.choices and not _has_own_recipe(overrides, folders):
        known = folders.choices("recipe")
        raise UserError(
            f"dataset={overrides.choices['dataset']} has no recipe of the same name; choose one with recipe=NAME;"
            f" valid: {', '.join(known)}"
        )


def _has_own_recipe(overrides: Overrides, folders: ConfigFolders) -> bool:
    dataset = overrides.choices.get("dataset")
    return dataset is None or dataset in folders.choices("recipe")


def _check_keys(overrides: Overrides, tree: Tree) -> None:
    """Refuse keys that the chosen components don't have; Hydra's own refusal would not name the nearest."""
    for key, value in overrides.values.items():
        group, _, name = key.partition(".")
        if group == "seed":
            continue
        if group == "preset":
            raise UserError(f"{key}={value}: a preset has no keys to set; choose one with preset=NAME")
        if group not in GROUPS:
            raise UserError(f"{key}={value}: unknown key `{group}`; {did_you_mean(group, GROUPS)}")
        cls = settings_class(group, tree[group])
        if name in switch_names(cls):
            continue
        if any(item.name == name for item in fields(cls)):
            raise UserError(
                f"{key}={value}: {name} describes the {group} and can't be set; choose another with {group}=…"
            )
        raise UserError(unknown_key(group, name, value, tree[group]))


def _resolve(tree: Tree, folders: Sequence[Path]) -> RunConfig:
    """Return the run but for its seed, what follows from it, and its preset."""
    backbone = renamed(fill("backbone", tree["backbone"]), folders)
    dataset = sized(fill("dataset", tree["dataset"]), backbone).resolved()
    method = _for_dataset(tree["method"], dataset.name)
    return RunConfig(
        dataset=dataset,
        noise=fill("noise", tree["noise"]),
        backbone=backbone,
        method=_method(method, dataset),
        recipe=started(shrunk(_recipe(tree["recipe"]), dataset), backbone),
        runtime=_placed(fill("runtime", tree["runtime"])),
        seed=0,
        preset=CUSTOM,
    )


def _method(node: Tree, dataset: DatasetSettings) -> MethodSettings:
    settings: MethodSettings = fill("method", node)
    return settings.resolved_for(dataset)


def _check_seed(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UserError(f"seed={shown(value)} must be a whole number of at least 0")


def _placed(runtime: RuntimeSettings) -> RuntimeSettings:
    """Return the settings with absolute folders, which are no files; an empty one (``OLSREPRO_DATA=``): the default."""
    data_dir, runs_dir = runtime.data_dir or RuntimeSettings.data_dir, runtime.runs_dir or RuntimeSettings.runs_dir
    placed = replace(runtime, data_dir=_absolute(data_dir), runs_dir=_absolute(runs_dir))
    for name, variable in (("data_dir", "OLSREPRO_DATA"), ("runs_dir", "OLSREPRO_RUNS")):
        if Path(path := getattr(placed, name)).is_file():
            raise UserError(f"runtime.{name}={path} is a file; name a folder, here or with {variable}")
    return placed


def _absolute(path: str) -> str:
    return str(Path(os.path.expanduser(path)).absolute())


def _recipe(tree: Tree) -> RecipeSettings:
    """Return the recipe; if it has no milestones, those of its reference are scaled to its epochs."""
    node = {key: value for key, value in tree.items() if key != "reference"}
    if node.get("milestones") is None:
        node = node | {"milestones": _scaled_milestones(tree, fill("recipe", node | {"milestones": []}).epochs)}
    recipe: RecipeSettings = fill("recipe", node)
    return recipe


def _scaled_milestones(tree: Tree, epochs: int) -> list[int]:
    try:
        reference = tree["reference"]
        return scaled_milestones(reference["milestones"], epochs, reference["epochs"])
    except (KeyError, TypeError, ZeroDivisionError):
        raise UserError("recipe.milestones=null needs a recipe.reference with epochs and milestones") from None


def _for_dataset(method: Tree, dataset: str) -> Tree:
    """Return the method's values, with nulls replaced by those that its table ``by_dataset`` has."""
    node = {key: value for key, value in method.items() if key != "by_dataset"}
    table = method.get("by_dataset", {})
    defaults = table.get(stands_for(dataset), table.get("default", {})) if isinstance(table, dict) else None
    if not isinstance(defaults, dict):
        raise UserError(f"method.by_dataset={table} must name data sets, each with `key: value` pairs")
    return {key: defaults.get(key) if value is None else value for key, value in node.items()}


def _preset(config: RunConfig, overrides: Overrides, folders: ConfigFolders, trees: Trees) -> str:
    """Return the preset that these values make up, however typed, else ``custom``: a run id has one preset."""
    chosen = overrides.choices.get("preset", DEFAULT_PRESET)
    if not overrides.values and "recipe" not in overrides.choices:
        return chosen
    if not _has_own_recipe(overrides, folders):
        return CUSTOM
    others = (name for name in folders.choices("preset") if name != chosen)
    names = (chosen, *others)
    return next((name for name in names if _is_preset(name, config, overrides, folders.paths, trees)), CUSTOM)


def _is_preset(name: str, config: RunConfig, overrides: Overrides, folders: tuple[Path, ...], trees: Trees) -> bool:
    """Return whether the recipe and everything else that presets set are those of a preset for this data set."""
    choices = overrides.choices_of("dataset", "backbone", "method", "noise") | {"preset": name}
    try:
        own = _resolve(trees.of_choices(choices), folders)
    except UserError:  # it needs published weights that this backbone lacks, or can't be composed here at all
        return False
    return own.recipe.identity() == config.recipe.identity() and all(
        getattr(own.backbone, key, None) == getattr(config.backbone, key, None)
        for key in _set_by_presets(folders, "backbone")
    )


@cache
def _set_by_presets(folders: tuple[Path, ...], group: str) -> frozenset[str]:
    """Return the keys of a group that any preset sets."""
    files = [folder / "preset" / f"{name}.yaml" for folder in folders for name in group_choices("preset", [folder])]
    nodes = (OmegaConf.select(_read_preset(path), group) for path in files)
    return frozenset(str(key) for node in nodes if isinstance(node, DictConfig) for key in node)


def _read_preset(path: Path) -> DictConfig:
    try:
        node = yaml_file.load(path)
    except ValueError:  # a user's own, which is refused when it is chosen
        return OmegaConf.create()
    return node if isinstance(node, DictConfig) else OmegaConf.create()
