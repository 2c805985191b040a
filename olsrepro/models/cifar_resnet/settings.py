"""Settings of the wide CIFAR ResNets (ResNet-34, 50, 101 of the paper's Table II)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from olsrepro.models.settings import BackboneSettings

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Blocks of the four stages by depth."""


@dataclass(frozen=True)
class Settings(BackboneSettings):
    """Wide CIFAR ResNet of ``depth`` 18 or 34 (basic blocks), 50 or 101 (bottlenecks).

    ``width`` multiplies the planes 64, 128, 256, 512, rounded half up to at least 1. Another depth or an illegal width
    raises :class:`ValueError`. Source: OnlineLabelSmoothing, ``cifar/models/iccv19_resnet.py``.
    """

    min_image_size: ClassVar[int] = 8

    family: str = "cifar_resnet"
    name: str = "cifar_resnet50"
    depth: int = 50

    def __post_init__(self) -> None:
        """Refuse a network that cannot be built (:class:`ValueError`)."""
        super().__post_init__()
        if self.depth not in BLOCKS:
            raise ValueError(f"backbone.depth={self.depth} is not known; valid: {', '.join(map(str, BLOCKS))}")
