"""What every settings dataclass shares: facts, checks, and the one error that a user's mistake becomes.

Nothing here imports torch, so composing, validating and planning stay light.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import MISSING, Field, dataclass, field, fields
from itertools import takewhile
from typing import Any, ClassVar

_NEAR = 0.5


class UserError(Exception):
    """A mistake of the user's, told in one line: the key, the value, the nearest valid choices, what to do."""


def fact(default: Any = MISSING) -> Any:
    """A field that describes a component (a count, a size): read by planning, never overridden, not in a run id."""
    return field(default=default, metadata={"fact": True})


def is_fact(item: Field[Any]) -> bool:
    """Whether a dataclass field was declared with :func:`fact`."""
    return bool(item.metadata.get("fact"))


def fact_names(settings: Any) -> frozenset[str]:
    """Names of the facts of a settings class or instance."""
    return frozenset(item.name for item in fields(settings) if is_fact(item))


def nearest(name: str, choices: Iterable[str], count: int = 3) -> list[str]:
    """The valid names closest to a misspelt one, best first; empty where none comes near."""
    typed = str(name).lower()

    def likeness(choice: str) -> tuple[float, int]:
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(typed, choice.lower(), strict=False)))
        return difflib.SequenceMatcher(None, typed, choice.lower()).ratio(), shared

    near = [choice for choice in sorted(choices) if likeness(choice)[0] >= _NEAR]
    return sorted(near, key=likeness, reverse=True)[:count]


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """A clause for an error line: the nearest valid names, or all of them where none is near."""
    known = sorted(choices)
    close = nearest(name, known)
    return f"did you mean {' or '.join(close)}?" if close else f"valid: {', '.join(known)}"


def check_choice(key: str, value: str, choices: Iterable[str]) -> None:
    """Refuse a value outside ``choices`` with the nearest valid ones (:class:`ValueError`)."""
    if value not in (known := tuple(choices)):
        raise ValueError(f"{key}={value} is not known; {did_you_mean(value, known)}")


def check_range(key: str, value: float, low: float, high: float = float("inf")) -> None:
    """Refuse a number outside the closed interval [low, high] (:class:`ValueError`)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key}={value} must be a number")
    if not low <= value <= high or value == float("inf"):
        bounds = f"at least {low:g}" if high == float("inf") else f"in [{low:g}, {high:g}]"
        raise ValueError(f"{key}={value:g} must be {bounds}")


def check_whole(key: str, value: object, low: int) -> None:
    """Refuse what is no whole number, or one below ``low`` (:class:`ValueError`)."""
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ValueError(f"{key}={value} must be a whole number of at least {low}")


def check_flag(key: str, value: object) -> None:
    """Refuse what is neither true nor false (:class:`ValueError`)."""
    if not isinstance(value, bool):
        raise ValueError(f"{key}={value} must be true or false")


@dataclass(frozen=True)
class Component:
    """Settings of one part of a run (a data set, a backbone, a method); frozen, checked when made.

    ``version`` enters the run id: raise it when the code behind the settings changes what comes out.
    """

    version: ClassVar[int] = 1
    outside_id: ClassVar[frozenset[str]] = frozenset({"name"})

    def identity(self) -> dict[str, Any]:
        """What of these settings changes a run's result: every field but facts and those of ``outside_id``."""
        kept = (item.name for item in fields(self) if not is_fact(item) and item.name not in self.outside_id)
        return {name: getattr(self, name) for name in kept}
