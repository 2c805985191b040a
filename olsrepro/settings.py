"""Base of all settings dataclasses: facts, identity, and the one error raised for a user's mistake.

Nothing here imports torch, so composing, validating and planning stay light.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from typing import Any, ClassVar, TypeVar, cast

T = TypeVar("T")


class UserError(Exception):
    """Mistake of the user's, reported in one line: the key, the value, the nearest valid choices, what to do."""


def cached_by_class(function: Callable[[type[Any]], T]) -> Callable[[type[Any]], T]:
    """Cache a function of a class; mypy takes classes for unhashable, so that :func:`functools.cache` refuses them."""
    return cast(Callable[[type[Any]], T], cache(function))


def fact(default: Any = MISSING) -> Any:
    """Declare a field that describes a component (a count, a size): for planning, never overridden, not in a run id."""
    return field(default=default, metadata={"fact": True})


def is_fact(item: Field[Any]) -> bool:
    """Tell whether a dataclass field was declared with :func:`fact`."""
    return bool(item.metadata.get("fact"))


def fact_names(settings: Any) -> frozenset[str]:
    """Return the names of the facts of a settings class or instance."""
    return frozenset(item.name for item in fields(settings) if is_fact(item))


@dataclass(frozen=True)
class Component:
    """Settings of one part of a run (a data set, a backbone, a method); frozen, checked when created.

    ``version`` is part of the run id: raise it when the code behind the settings changes its results.
    """

    version: ClassVar[int] = 1
    outside_id: ClassVar[frozenset[str]] = frozenset({"name"})

    def identity(self) -> dict[str, Any]:
        """Return the fields that change a run's result: all but facts and those in ``outside_id``."""
        return {name: getattr(self, name) for name in _in_id(type(self))}


@cached_by_class
def _in_id(cls: type[Any]) -> tuple[str, ...]:
    """Return the names of the fields in a class' identity; every run asks for them."""
    return tuple(item.name for item in fields(cls) if not is_fact(item) and item.name not in cls.outside_id)
