"""What the settings of every backbone family share; imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from olsrepro.settings import Component, check_choice, fact


@dataclass(frozen=True)
class BackboneSettings(Component):
    """A backbone's name, its family and two facts about it; each family adds its structural fields.

    ``params`` and ``macs`` describe the backbone as its YAML file names it, at 100 classes, 32 x 32 pixels and width 1.
    """

    labels: ClassVar[frozenset[str]] = frozenset({"name", "family"})
    min_image_size: ClassVar[int] = 1
    """Side of the smallest square image that the family accepts."""

    family: str = ""
    name: str = ""
    width: float = 1.0
    params: int = fact(0)
    macs: int = fact(0)

    def __post_init__(self) -> None:
        """Refuse another family's name (:class:`ValueError`)."""
        check_choice("backbone.family", self.family, (type(self).family,))


def check_width(width: float) -> None:
    """Refuse a width multiplier that is not a finite number above 0 (:class:`ValueError`)."""
    if not (width > 0 and math.isfinite(width)):
        raise ValueError(f"backbone.width={width:g} must be a finite number above 0")


def scaled(channels: int, width: float, groups: int = 1) -> int:
    """``channels * width`` rounded (half up) to a multiple of ``groups``, never less than one channel per group."""
    return groups * max(1, math.floor(channels * width / groups + 0.5))
