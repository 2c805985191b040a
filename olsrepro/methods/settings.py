"""What the settings of all label methods share (no torch here)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from olsrepro.settings import Component


@dataclass(frozen=True)
class MethodSettings(Component):
    """Base of every method's settings. Fields carry the switch names of the method's card; ``name`` is the folder's."""

    keeps_label_table: ClassVar[bool] = False
    """Whether a (K, K) table of soft labels is written after each epoch."""

    name: str = ""

    def switches(self) -> dict[str, Any]:
        """The keyword arguments of the method's criterion; a switch left at None takes the criterion's own default."""
        return {key: value for key, value in asdict(self).items() if key != "name" and value is not None}
