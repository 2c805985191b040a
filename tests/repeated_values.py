"""Values that stand in two places: where they differ, a test says key, both values and both files."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

CONFIGS = Path(__file__).parents[1] / "configs"
ABSENT = object()


@dataclass(frozen=True)
class Stated:
    """Values by key, and the file that states them: its path in the repository."""

    file: str
    values: Mapping[str, Any]

    def only(self, keys: Iterable[str]) -> Stated:
        """Return what it states of these keys."""
        return Stated(self.file, {key: self.values[key] for key in keys if key in self.values})

    def renamed(self, names: Mapping[str, str]) -> Stated:
        """Return what it states of the keys of ``names``, under the names that the other place has for them."""
        return Stated(self.file, {other: self.values[key] for key, other in names.items()})

    def shown(self, key: str) -> str:
        """Write what it states of a key."""
        value = self.values.get(key, ABSENT)
        return f"{'absent' if value is ABSENT else repr(value)} in {self.file}"


def stated_in(config: str) -> Stated:
    """Read a file of ``configs/``."""
    return Stated(f"configs/{config}", yaml.safe_load((CONFIGS / config).read_text()))


def file_of(code: Any) -> str:
    """Return the path of the module of a class or function."""
    return f"{code.__module__.replace('.', '/')}.py"


def defaults_of(settings: type[Any]) -> Stated:
    """Return the defaults of a dataclass's fields."""
    values = {item.name: item.default for item in fields(settings)}
    made = {item.name: item.default_factory() for item in fields(settings) if item.default_factory is not MISSING}
    return Stated(file_of(settings), {key: value for key, value in (values | made).items() if value is not MISSING})


def arguments_of(code: Callable[..., Any]) -> Stated:
    """Return the defaults of the arguments of a function, or of what makes a class."""
    arguments = inspect.signature(code).parameters.values()
    return Stated(file_of(code), {item.name: item.default for item in arguments if item.default is not item.empty})


def assert_same(one: Stated, other: Stated) -> None:
    """Fail where two places state other values, or one of them states nothing."""
    keys = dict.fromkeys((*one.values, *other.values))
    differing = [key for key in keys if one.values.get(key, ABSENT) != other.values.get(key, ABSENT)]
    assert not differing, "\n".join(f"{key} is {one.shown(key)} and {other.shown(key)}" for key in differing)
