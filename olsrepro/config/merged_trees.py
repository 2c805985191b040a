"""Trees of many runs: each combination of choices is merged once, and values are set in copies of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from olsrepro.config.group_files import GroupFiles, NeedsHydra, is_closed, resolved
from olsrepro.config.hydra_trees import Tree, checked, choice_lines, compose_by_hydra, plain
from olsrepro.config.overrides import Overrides
from olsrepro.settings import UserError


@dataclass(frozen=True)
class _Base:
    """Tree of a combination, and whether values can be set in it without changing others that refer to them."""

    tree: Tree
    is_closed: bool


class MergedTrees:
    """Trees as Hydra would compose them, with combinations of choices cached.

    Hydra itself composes a combination that needs more of it, such as one with a file of the user's own, and values
    that do, such as one that refers to another.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._files = GroupFiles(self._folders[0])
        self._bases: dict[frozenset[tuple[str, str]], _Base] = {}

    def of_choices(self, choices: Mapping[str, str]) -> Tree:
        """Return the tree of group choices alone."""
        return self._base(choices).tree

    def of_run(self, overrides: Overrides) -> Tree:
        """Return the tree of choices and values."""
        try:
            return _with_values(self._base(overrides.choices), overrides.parsed)
        except (NeedsHydra, UserError):
            return plain(compose_by_hydra(overrides.lines, self._folders))

    def _base(self, choices: Mapping[str, str]) -> _Base:
        combination = frozenset(choices.items())
        if combination not in self._bases:
            self._bases[combination] = self._new_base(choices)
        return self._bases[combination]

    def _new_base(self, choices: Mapping[str, str]) -> _Base:
        try:
            return _Base(checked(self._files.merged(choices)), is_closed=True)
        except (NeedsHydra, UserError):
            config = compose_by_hydra(choice_lines(choices), self._folders)
            return _Base(plain(config), is_closed(OmegaConf.to_container(config)))


def _with_values(base: _Base, values: Mapping[str, Any]) -> Tree:
    """Return a new tree with values of existing keys replaced; :class:`NeedsHydra` where that is not enough."""
    if values and not base.is_closed:
        raise NeedsHydra("an interpolation may refer to a value")
    tree = dict(base.tree)
    for key, value in values.items():
        if key == "seed":
            tree[key] = _settled(value)
            continue
        group, _, name = key.partition(".")
        node = tree.get(group)
        if not isinstance(node, dict) or name not in node or isinstance(node[name], dict):
            raise NeedsHydra(f"{key} is not a value of {group}")
        tree[group] = {**node, name: _settled(value)}
    return tree


def _settled(value: Any) -> Any:
    """Return a typed value with environment variables filled in; :class:`NeedsHydra` if it refers to other values."""
    if isinstance(value, dict) or not is_closed(value):
        raise NeedsHydra(f"{value}")
    return resolved(value)
