"""Runs as trees of plain values, group by group, which Hydra composes from the files of `configs/`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from olsrepro.config.overrides import GROUPS, Overrides
from olsrepro.settings import UserError

Tree = dict[str, Any]


class Trees(Protocol):
    """Source of trees; it raises :class:`UserError` where a file or a value can't be composed."""

    def of_choices(self, choices: Mapping[str, str]) -> Tree:
        """Return the tree of group choices alone; it is cached, so it must not be modified."""

    def of_run(self, overrides: Overrides) -> Tree:
        """Return the tree of choices and values."""


class HydraTrees:
    """Trees that Hydra composes separately for each run, which takes a tenth of a second."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)

    def of_choices(self, choices: Mapping[str, str]) -> Tree:
        """Return the tree of group choices alone, cached: runs are compared with the same few presets."""
        return _compose_choices(choice_lines(choices), self._folders)

    def of_run(self, overrides: Overrides) -> Tree:
        """Return the tree of choices and values."""
        return plain(compose_by_hydra(overrides.lines, self._folders))


def choice_lines(choices: Mapping[str, str]) -> tuple[str, ...]:
    """Return the override lines that make these choices."""
    return tuple(f"{group}={name}" for group, name in choices.items())


@cache
def _compose_choices(lines: tuple[str, ...], folders: tuple[Path, ...]) -> Tree:
    return plain(compose_by_hydra(lines, folders))


def compose_by_hydra(lines: Iterable[str], folders: Sequence[Path]) -> DictConfig:
    """Compose override lines by Hydra; interpolations are not resolved yet.

    Raises:
        UserError: Hydra refuses them; the message is its reason in one line.
    """
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException

    from olsrepro.config.harmless_files import use_harmless_files

    search = [f"hydra.searchpath=[{','.join(map(_quoted_place, folders[1:]))}]"] if folders[1:] else []
    use_harmless_files()
    try:
        with initialize_config_dir(str(folders[0]), version_base="1.3"):
            return compose("config", overrides=[*lines, *search])
    except RecursionError:
        raise UserError(f"{' '.join(lines)}: a config file builds on itself; see the defaults in it") from None
    except (HydraException, OmegaConfBaseException, ValueError) as error:  # the last: a wrong defaults list
        raise UserError(_one_line(error)) from None


def _quoted_place(folder: Path) -> str:
    """Quote a folder for Hydra's grammar, whatever characters its name has."""
    escaped = str(folder).replace("'", r"\'")
    return f"'file://{escaped}'"


def plain(config: DictConfig) -> Tree:
    """Convert a composed config to plain values.

    Raises:
        UserError: a value can't be resolved or is missing, or the config doesn't have the shape of a run.
    """
    try:
        tree = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise UserError(_one_line(error)) from None
    assert isinstance(tree, dict)
    return checked({str(key): value for key, value in tree.items()})


def checked(tree: Tree) -> Tree:
    """Return the tree if it holds groups and a seed and nothing else; :class:`UserError` otherwise."""
    known = {*GROUPS, "seed"} - {"preset"}
    if strange := [key for key in tree if key not in known]:
        raise UserError(
            f"a config file sets {', '.join(strange)}, which is not a group; valid: {', '.join(sorted(known))}"
            " (a preset's file starts with the line `# @package _global_`)"
        )
    if loose := [key for key, node in tree.items() if key != "seed" and not isinstance(node, dict)]:
        raise UserError(f"the config file of {', '.join(loose)} holds no `key: value` lines")
    return tree


def _one_line(error: Exception) -> str:
    cause = str(error.__cause__).partition("\n")[0]  # of an error that only stands around another
    told = str(error) or f"an interpolation in a config file can't be read ({cause})"
    text = " ".join(told.split("Config search path:")[0].split("\n    ")[0].split())
    key = getattr(error, "full_key", None)
    return f"{key}: {text}" if key and key not in text else text
