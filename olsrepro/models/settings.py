"""Base of the settings of all backbone families; imports no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from olsrepro.checks import check_choice
from olsrepro.models.published import PublishedWeights
from olsrepro.settings import Component, fact

SCALES = ("width", "depth_factor")
"""Fields that scale any structure without making it another backbone than its name says."""


@dataclass(frozen=True)
class BackboneSettings(Component):
    """Name and family of a backbone, and two facts about it; each family adds its structural fields.

    ``width`` multiplies the channels and ``depth_factor`` the blocks of every stage; both are 1 in the paper.
    ``params`` and ``macs`` describe the backbone of its YAML file, with both factors 1, for ``counted_classes`` classes
    and images of ``counted_at`` pixels.
    """

    outside_id: ClassVar[frozenset[str]] = frozenset({"name", "family"})
    task: ClassVar[str] = "classification"
    """Task of its networks: ``classification`` or ``detection``; a data set's task must be the same."""
    min_image_size: ClassVar[int] = 1
    """Side of the smallest square image that the family accepts."""
    side_multiple: ClassVar[int] = 1
    """Number that must divide the sides of every image."""
    counted_at: ClassVar[int] = 32
    """Side of the square images for which ``macs`` is counted."""
    counted_classes: ClassVar[int] = 100
    """Classes for which ``params`` and ``macs`` are counted."""
    has_stages: ClassVar[bool] = True
    """Whether its networks name their stages, so that label methods can tap them."""
    weights_elsewhere: ClassVar[str] = ""
    """Note for the user about weights that no program can fetch; empty for most."""

    family: str = ""
    name: str = ""
    width: float = 1.0
    depth_factor: float = 1.0
    params: int = fact(0)
    macs: int = fact(0)

    def __post_init__(self) -> None:
        """Refuse another family's name and a factor that is not a finite number above 0 (:class:`ValueError`)."""
        check_choice("backbone.family", self.family, (type(self).family,))
        for key in SCALES:
            factor = getattr(self, key)
            if not (factor > 0 and math.isfinite(factor)):
                raise ValueError(f"backbone.{key}={factor:g} must be a finite number above 0")

    def weights(self) -> PublishedWeights | None:
        """Return the ImageNet weights that fit exactly this network; None if none are published."""
        return None


def scaled(channels: int, width: float, groups: int = 1) -> int:
    """Round ``channels * width`` (half up) to a multiple of ``groups``, never less than one channel per group."""
    return groups * max(1, math.floor(channels * width / groups + 0.5))


def scaled_blocks(blocks: Sequence[int], factor: float) -> list[int]:
    """Multiply each stage's number of blocks by ``factor``, rounded half up, never less than one."""
    return [max(1, math.floor(count * factor + 0.5)) for count in blocks]
