"""Settings of SAN, the self-attention network (SAN-15 of the paper's Table VI)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from olsrepro.checks import check_choice
from olsrepro.models.settings import BackboneSettings

BLOCKS = {10: (2, 1, 2, 4, 1), 15: (3, 2, 3, 5, 2), 19: (3, 3, 4, 6, 3)}
"""Blocks of the five stages by depth, which is their sum."""
ATTENTIONS = ("patchwise", "pairwise")


@dataclass(frozen=True)
class Settings(BackboneSettings):
    """SAN of ``depth`` 10, 15 or 19, ``sa_type`` patchwise or pairwise.

    ``width`` multiplies the stages' channels 64, 256, 512, 1024, 2048 and, in each block, the relation's (a 16th) and
    the values' (a quarter); all are rounded half up, the values' to a multiple of 8, the channels that share a weight.
    Another depth, type or an illegal width raises :class:`ValueError`. Source: SAN, ``model/san.py``,
    ``config/imagenet``.
    """

    min_image_size: ClassVar[int] = 128  # a map must exceed half a window: 4 pixels in the last stage, at 1/32
    counted_at: ClassVar[int] = 224
    weights_elsewhere: ClassVar[str] = (
        "SAN's own, which the paper starts from and which were trained with label smoothing, are on the drive that its"
        " README links to"
    )

    family: str = "san"
    name: str = "san15"
    depth: int = 15
    sa_type: str = "patchwise"

    def __post_init__(self) -> None:
        """Refuse a network that cannot be built (:class:`ValueError`)."""
        super().__post_init__()
        check_choice("backbone.sa_type", self.sa_type, ATTENTIONS)
        if self.depth not in BLOCKS:
            raise ValueError(f"backbone.depth={self.depth} is not known; valid: {', '.join(map(str, BLOCKS))}")
