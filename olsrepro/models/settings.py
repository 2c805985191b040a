"""What the settings of every backbone family share; imports no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from olsrepro.checks import check_choice
from olsrepro.models.published import PublishedWeights
from olsrepro.settings import Component, fact

SCALES = ("width", "depth_factor")
"""Fields that make any structure smaller or larger and leave it the backbone that its name says."""


@dataclass(frozen=True)
class BackboneSettings(Component):
    """A backbone's name, its family and two facts about it; each family adds its structural fields.

    ``width`` multiplies the channels and ``depth_factor`` the blocks of every stage; both are 1 in the paper.
    ``params`` and ``macs`` describe the backbone as its YAML file names it, at ``counted_classes`` classes and
    ``counted_at`` pixels, both at 1.
    """

    outside_id: ClassVar[frozenset[str]] = frozenset({"name", "family"})
    task: ClassVar[str] = "classification"
    """What its networks do: ``classification`` or ``detection``; a data set's task must be the same."""
    min_image_size: ClassVar[int] = 1
    """Side of the smallest square image that the family accepts."""
    side_multiple: ClassVar[int] = 1
    """What divides the sides of every image that the family accepts."""
    counted_at: ClassVar[int] = 32
    """Side of the square images for which ``macs`` is counted."""
    counted_classes: ClassVar[int] = 100
    """Classes for which ``params`` and ``macs`` are counted."""
    has_stages: ClassVar[bool] = True
    """Whether its networks name their stages, so that label methods can tap them."""
    weights_elsewhere: ClassVar[str] = ""
    """What a user should know of weights that no program can fetch; nothing for most."""

    family: str = ""
    name: str = ""
    width: float = 1.0
    depth_factor: float = 1.0
    params: int = fact(0)
    macs: int = fact(0)

    def __post_init__(self) -> None:
        """Refuse another family's name and a factor that is no finite number above 0 (:class:`ValueError`)."""
        check_choice("backbone.family", self.family, (type(self).family,))
        for key in SCALES:
            factor = getattr(self, key)
            if not (factor > 0 and math.isfinite(factor)):
                raise ValueError(f"backbone.{key}={factor:g} must be a finite number above 0")

    def weights(self) -> PublishedWeights | None:
        """ImageNet weights that fit this very network; None where nobody publishes any."""
        return None


def scaled(channels: int, width: float, groups: int = 1) -> int:
    """``channels * width`` rounded (half up) to a multiple of ``groups``, never less than one channel per group."""
    return groups * max(1, math.floor(channels * width / groups + 0.5))


def scaled_blocks(blocks: Sequence[int], factor: float) -> list[int]:
    """Each stage's number of blocks times ``factor``, rounded half up, never less than one."""
    return [max(1, math.floor(count * factor + 0.5)) for count in blocks]
