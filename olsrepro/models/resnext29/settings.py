"""Settings of the CIFAR ResNeXt-29 (2x64d and 32x4d of the paper's Table II)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from olsrepro.models.settings import BackboneSettings

CARDINALITIES = (2, 32)


@dataclass(frozen=True)
class Settings(BackboneSettings):
    """ResNeXt-29 of ``cardinality`` 2 (2x64d) or 32 (32x4d), the groups of every 3 x 3 convolution in a block.

    ``width`` multiplies the group widths 128, 256, 512, rounded half up to a multiple of ``cardinality`` (at least one
    channel a group), and the stem's 64 channels, rounded half up to at least 1. Another cardinality or an illegal width
    raises :class:`ValueError`. Source: OnlineLabelSmoothing, ``cifar/models/resnext.py``.
    """

    min_image_size: ClassVar[int] = 4

    family: str = "resnext29"
    name: str = "resnext29_2x64d"
    cardinality: int = 2

    def __post_init__(self) -> None:
        """Refuse a network that cannot be built (:class:`ValueError`)."""
        super().__post_init__()
        if self.cardinality not in CARDINALITIES:
            valid = ", ".join(map(str, CARDINALITIES))
            raise ValueError(f"backbone.cardinality={self.cardinality} is not known; valid: {valid}")
