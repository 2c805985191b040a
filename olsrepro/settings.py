"""What every settings dataclass shares: facts, identity, and the one error that a user's mistake becomes.

Nothing here imports torch, so composing, validating and planning stay light.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, ClassVar


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
