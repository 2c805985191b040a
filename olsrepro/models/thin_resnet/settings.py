"""Settings of the thin CIFAR ResNets (ResNet-29, 56, 74, 110 of the paper)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from olsrepro.checks import check_choice
from olsrepro.models.settings import BackboneSettings

LAYERS_PER_STEP = {"basic": 6, "bottleneck": 9}
"""Convolutions added by one more block in each of the three stages; the stem and the head are the other two layers."""


@dataclass(frozen=True)
class Settings(BackboneSettings):
    """Thin CIFAR ResNet of ``depth`` 9n + 2 with bottleneck blocks, 6n + 2 with basic ones, n >= 1.

    ``width`` multiplies the planes 16, 32, 64, rounded half up to at least 1. An unknown block, an illegal depth or
    width raises :class:`ValueError`. Source: OnlineLabelSmoothing, ``cifar/models/resnet.py``, which truncates an
    illegal depth instead of refusing it.
    """

    min_image_size: ClassVar[int] = 4

    family: str = "thin_resnet"
    name: str = "resnet56"
    depth: int = 56
    block: str = "bottleneck"

    def __post_init__(self) -> None:
        """Refuse a network that cannot be built (:class:`ValueError`)."""
        super().__post_init__()
        check_choice("backbone.block", self.block, LAYERS_PER_STEP)
        check_depth(self.depth, self.block)

    @property
    def blocks_per_stage(self) -> int:
        """Number n in depth = 9n + 2 or 6n + 2."""
        return (self.depth - 2) // LAYERS_PER_STEP[self.block]


def check_depth(depth: int, block: str) -> None:
    """Refuse a depth that ``block`` cannot give exactly, naming the nearest legal ones (:class:`ValueError`)."""
    step = LAYERS_PER_STEP[block]
    below = 2 + (depth - 2) // step * step
    if below == depth and depth > 2:
        return
    legal = " and ".join(str(near) for near in (below, below + step) if near > 2) or str(2 + step)
    raise ValueError(
        f"backbone.depth={depth} is not {step}n+2 with n >= 1, as backbone.block={block} needs; nearest legal: {legal}"
    )
