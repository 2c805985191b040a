"""Files of `configs/`, read once and merged as Hydra merges them; whatever needs more of Hydra is left to Hydra.

Supported are ``config.yaml`` with one choice per group, files that build on others of their group, presets in the
package ``_global_``, and the interpolation ``${oc.env:...}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from olsrepro.config import yaml_file
from olsrepro.config.hydra_trees import Tree
from olsrepro.files import plain_yaml

SELF = "_self_"
GLOBAL = "# @package _global_"
_HEADER = re.compile(r"\s*#\s*@")
_ENVIRONMENT = re.compile(r"\$\{oc\.env:[^${}]*\}")
_SIBLING = re.compile(r"\$\{(\w+)\}")
_NAME = re.compile(r"[\w-]+")


class NeedsHydra(Exception):
    """Files or values that use more of Hydra than is supported here, or are wrong; Hydra composes or refuses them."""


@dataclass(frozen=True)
class GroupFile:
    """A file as written: its defaults list in the order of merging, with itself as ``_self_``, and its own values."""

    is_global: bool
    defaults: tuple[Any, ...]
    body: Tree


class GroupFiles:
    """Files of one folder. The trees made of them share their parts, so they must not be modified."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts: dict[tuple[str, str], Tree] = {}

    def merged(self, choices: Mapping[str, str]) -> Tree:
        """Return the tree of these choices, defaults for other groups; :class:`NeedsHydra` for an unknown group."""
        root = _read(self._folder / "config.yaml")
        names = dict(_names(root.defaults, choices))
        if unknown := set(choices) - set(names):
            raise NeedsHydra(f"{unknown} is not in the defaults list")
        tree: Tree = {}
        for entry in root.defaults:
            parts = [root.body] if entry == SELF else [self._part(group, names[group]) for group in entry]
            tree = merge(tree, *parts)
        return tree

    def _part(self, group: str, name: str) -> Tree:
        """Return the part that a choice adds to the tree."""
        if (group, name) not in self._parts:
            built = self._built(group, name, set())
            self._parts[group, name] = built.body if built.is_global else {group: built.body}
        return self._parts[group, name]

    def _built(self, group: str, name: str, seen: set[str]) -> GroupFile:
        """Return a file merged with all that it builds on."""
        if name in seen:
            raise NeedsHydra(f"{group}/{name} is there twice")
        seen.add(name)
        file = _read(self._folder / group / f"{name}.yaml")
        below = [file if entry == SELF else self._built(group, _plain_name(entry), seen) for entry in file.defaults]
        if any(other.is_global != file.is_global for other in below):
            raise NeedsHydra(f"{group}/{name} builds on a file of another package")
        return replace(file, body=merge(*(other.body for other in below)))


def merge(*trees: Tree) -> Tree:
    """Merge later trees over earlier ones: mappings key by key, lists as a whole.

    The result is a new tree that shares the parts that were not merged.
    """
    merged = dict(trees[0])
    for key, value in ((key, value) for tree in trees[1:] for key, value in tree.items()):
        if key in merged and isinstance(merged[key], dict) != isinstance(value, dict):
            raise NeedsHydra(f"{key} is a mapping in one file and none in another")
        merged[key] = merge(merged[key], value) if key in merged and isinstance(value, dict) else value
    return merged


def is_closed(values: Any) -> bool:
    """Return whether plain values are complete by themselves: none missing, no interpolation but of the environment."""
    text = str(values)
    return "???" not in text and "${" not in _ENVIRONMENT.sub("", text)


def resolved(values: Any) -> Any:
    """Return closed values with environment variables filled in; :class:`NeedsHydra` if one is not set."""
    if "${" not in str(values):
        return values
    try:
        return OmegaConf.to_container(OmegaConf.create([values]), resolve=True)[0]  # type: ignore[index]
    except OmegaConfBaseException as error:
        raise NeedsHydra(str(error)) from None


def _names(defaults: tuple[Any, ...], choices: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each group of the root's defaults list with the name that is chosen or implied."""
    names: dict[Any, Any] = {}
    for entry in defaults:
        if entry == SELF:
            continue
        if not isinstance(entry, dict) or len(entry) != 1:
            raise NeedsHydra(f"defaults: {entry}")
        group, implied = next(iter(entry.items()))
        sibling = _SIBLING.fullmatch(str(implied))
        name = choices.get(group, names.get(sibling[1]) if sibling else implied)
        if group in names or not isinstance(name, str):
            raise NeedsHydra(f"defaults: {entry}")
        names[group] = name
        yield _plain_name(group), name


def _plain_name(entry: Any) -> str:
    """Return an entry of a defaults list that is a plain name: no group, package, option or keyword.

    Raises:
        NeedsHydra: it is more than a name.
    """
    if not isinstance(entry, str) or not _NAME.fullmatch(entry):
        raise NeedsHydra(f"defaults: {entry}")
    return entry


def _read(path: Path) -> GroupFile:
    try:
        stat = path.stat()
        file = _parsed(path, stat.st_mtime_ns, stat.st_size)
    except (OSError, ValueError, OmegaConfBaseException) as error:
        raise NeedsHydra(str(error)) from None
    return replace(file, body=resolved(file.body))


@lru_cache(maxsize=1024)
def _parsed(path: Path, modified: int, size: int) -> GroupFile:
    """Parse a file, cached for the whole process until the file changes."""
    text = path.read_text(encoding="utf-8")
    values = OmegaConf.to_container(plain_yaml.parse(text, yaml_file.parse))
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise NeedsHydra(f"{path} holds no mapping of names")
    defaults = values.pop("defaults", [])
    if not isinstance(defaults, list) or defaults.count(SELF) > 1 or not is_closed(values):
        raise NeedsHydra(f"{path} has a defaults list or an interpolation of its own kind")
    if SELF not in defaults:
        defaults.append(SELF)
    return GroupFile(_is_global(text), tuple(defaults), {str(key): value for key, value in values.items()})


def _is_global(text: str) -> bool:
    headers = [line.strip() for line in text.splitlines() if _HEADER.match(line)]
    if headers and (headers != [GLOBAL] or not text.lstrip().startswith(GLOBAL)):
        raise NeedsHydra(f"headers {headers}")
    return bool(headers)
