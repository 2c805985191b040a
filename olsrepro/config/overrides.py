"""Overrides typed by a user: read with Hydra's grammar, checked before anything is composed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olsrepro.checks import did_you_mean
from olsrepro.settings import UserError
from olsrepro.training.recipe import RecipeSettings
from olsrepro.training.runtime import RuntimeSettings

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

TOO_LONG = "{key}: its value can't be read: a number has too many digits, or brackets are nested too deeply"
GROUPS = ("dataset", "backbone", "method", "noise", "recipe", "preset", "runtime")

SHARED_KEYS = {"recipe": RecipeSettings, "runtime": RuntimeSettings}
"""Settings whose keys every run has, or nearly every run."""

_KEY = rf"seed|(?:{'|'.join(GROUPS)})(?:\.[A-Za-z]\w*)?"
_PLAIN = re.compile(rf"({_KEY})=(?:([A-Za-z]\w*)|(0|[1-9]\d{{0,8}})|((?:0|[1-9]\d{{0,8}})\.\d{{1,9}}))", re.ASCII)
_SWITCHES = {"true": True, "false": False}
_OF_OTHER_TYPES = frozenset({*_SWITCHES, "null", "nan", "inf"})


@dataclass(frozen=True)
class Overrides:
    """Group choices (``method=ols``) and values (``method.alpha=0.3``) apart, with the lines for Hydra.

    ``values`` are texts as typed, ``parsed`` the same as Hydra's grammar reads them. ``lines`` set a value with ``++``,
    because a config file may leave a key to its default.
    """

    choices: dict[str, str]
    values: dict[str, str]
    parsed: dict[str, Any]
    lines: tuple[str, ...]

    def choices_of(self, *groups: str) -> dict[str, str]:
        """Return the choices made from these groups."""
        return {group: self.choices[group] for group in groups if group in self.choices}


class ConfigFolders:
    """Folders of config groups, ours first; each group's names are looked up once."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self._known: dict[str, list[str]] = {}

    def choices(self, group: str) -> list[str]:
        """List the names to choose from in a group."""
        if group not in self._known:
            self._known[group] = group_choices(group, self.paths)
        return self._known[group]


def group_choices(group: str, folders: Iterable[Path]) -> list[str]:
    """List the names to choose from in a group, over all config folders."""
    return sorted({path.stem for folder in folders for path in (folder / group).glob("*.yaml")})


def parse_overrides(lines: Sequence[str], folders: ConfigFolders) -> Overrides:
    """Read override lines; keys of values are checked later, when it is known which components they belong to.

    Raises:
        UserError: a line is not ``key=value``, a group or a choice is not known, or a key is given twice.
    """
    choices: dict[str, str] = {}
    values: dict[str, str] = {}
    parsed: dict[str, Any] = {}
    for_hydra = []
    refuse_blanks(lines)
    for line in lines:
        key, value = read_line(line)
        typed = line.partition("=")[2]
        if key in choices or key in values:
            raise UserError(f"{key} is given twice, {key}={(choices | values)[key]} and {line}; keep one of them")
        if key in GROUPS:
            choices[key] = value if isinstance(value, str) else typed  # without the quotes of method='ols'
            _check_choice(key, choices[key], folders.choices(key))
            for_hydra.append(line)
        elif "." not in key and key != "seed":
            raise UserError(f"{line}: unknown key `{key}`; {_whose(key)}")
        else:
            values[key], parsed[key] = typed, value
            for_hydra.append(f"++{line}")
    return Overrides(choices, values, parsed, tuple(for_hydra))


def read_line(line: str) -> tuple[str, Any]:
    """Read a line's key and value as Hydra's grammar does; for a plain word or number without loading Hydra.

    Raises:
        UserError: it is not ``key=value``, or is more than one value.
    """
    plain = _PLAIN.fullmatch(line)
    if plain is None:
        return _read_by_hydra(line)
    key, word, whole, number = plain.groups()
    if word is None:
        return key, int(whole) if whole else float(number)
    if word.lower() not in _OF_OTHER_TYPES:
        return key, word
    return (key, _SWITCHES[word]) if word in _SWITCHES else _read_by_hydra(line)


def _read_by_hydra(line: str) -> tuple[str, Any]:
    override = _parse(line)
    return override.key_or_group, override.value()


@lru_cache(maxsize=4096)  # runs of a sweep share most of their lines, and a line takes a millisecond
def _parse(line: str) -> Override:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import OverrideType, ValueType
    from hydra.errors import HydraException

    if line.startswith("-") or "=" not in line:
        raise UserError(f"{line} is not understood; an override is written key=value, as in recipe.epochs=8")
    try:
        override: Override = OverridesParser.create().parse_override(line)
    except HydraException as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{line} can't be read ({reason}); quote special characters: 'key=\"value\"'") from None
    except (ValueError, RecursionError):
        raise UserError(TOO_LONG.format(key=line.partition("=")[0])) from None
    if override.type != OverrideType.CHANGE or override.package is not None:
        raise UserError(f"{line}: keys can't be added, removed or moved; write key=value")
    if override.value_type != ValueType.ELEMENT:
        raise UserError(f"{line} names several values; one run takes one")
    return override


def refuse_blanks(lines: Sequence[str]) -> None:
    """Refuse blanks around ``=`` or after a comma, of which a shell makes words (:class:`UserError`)."""
    for line, following in zip(lines, (*lines[1:], "x="), strict=False):
        key, is_set, value = line.partition("=")
        is_split = "=" not in following if is_set and not value else not is_set and following.startswith("=")
        if key != key.strip() or value != value.lstrip() or is_split:
            raise UserError(f"{line}: there are blanks around =; write key=value without any")
        if value.endswith(",") and "=" not in following:
            raise UserError(f"{line} {following}: there is a blank after the comma; leave it out, as in key=1,2")


def _whose(key: str) -> str:
    """Say which groups have a key that was typed without its group, or the nearest keys that stand alone."""
    owners = [group for group, cls in SHARED_KEYS.items() if key in {item.name for item in fields(cls)}]
    if owners:
        return f"did you mean {' or '.join(f'{group}.{key}' for group in owners)}?"
    return did_you_mean(key, [*GROUPS, "seed"])


def _check_choice(group: str, choice: str, known: Sequence[str]) -> None:
    if choice not in known:
        raise UserError(f"{group}={choice} is not known; {_like(choice, known)}")


def _like(choice: str, known: Sequence[str]) -> str:
    """Name the choices that end in what was typed, as ``cifar_resnet18`` does in ``resnet18``, or the nearest."""
    ending = [name for name in known if name.endswith(f"_{choice}")]
    return f"did you mean {' or '.join(ending)}?" if ending else did_you_mean(choice, known)
