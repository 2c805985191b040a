"""Settings of the ImageNet ResNets (ResNet-50, 101 of the paper's Tables IV, VI, IX)."""

from __future__ import annotations

from dataclasses import dataclass

from olsrepro.models.library import TORCHVISION, LibrarySettings
from olsrepro.models.published import PublishedWeights

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Bottlenecks of the four stages by depth."""
WEIGHTS = {50: "resnet50-0676ba61.pth", 101: "resnet101-63fe2227.pth"}
"""Files of torchvision's first weights, by depth."""


@dataclass(frozen=True)
class Settings(LibrarySettings):
    """ImageNet ResNet of ``depth`` 50 or 101; another one raises :class:`ValueError`.

    ``width`` multiplies the planes 64, 128, 256, 512, rounded half up to at least 1; the stem keeps its 64 channels.
    Source: OnlineLabelSmoothing, ``cifar/models/resnet.py`` (its ImageNet branch), ``fine-grained/``.
    """

    family: str = "timm_resnet"
    name: str = "resnet50"
    depth: int = 50

    def __post_init__(self) -> None:
        """Refuse a network that cannot be built (:class:`ValueError`)."""
        super().__post_init__()
        if self.depth not in BLOCKS:
            raise ValueError(f"backbone.depth={self.depth} is not known; valid: {', '.join(map(str, BLOCKS))}")

    def paper_weights(self) -> PublishedWeights:
        """Return torchvision's first weights, never its second; timm has the same file as ``tv_in1k``."""
        url = f"{TORCHVISION}/{WEIGHTS[self.depth]}"
        return PublishedWeights("torchvision", f"resnet{self.depth}", "IMAGENET1K_V1", url)
