"""Settings of MobileNetV2 (of the paper's Table VI)."""

from __future__ import annotations

from dataclasses import dataclass

from olsrepro.checks import check_range
from olsrepro.models.library import TORCHVISION, LibrarySettings
from olsrepro.models.published import PublishedWeights

IMAGENET_WEIGHTS = PublishedWeights(
    "torchvision", "mobilenet_v2", "IMAGENET1K_V1", f"{TORCHVISION}/mobilenet_v2-b0353104.pth"
)


@dataclass(frozen=True)
class Settings(LibrarySettings):
    """MobileNetV2 with multiplier ``width``; ``dropout``, of the pooled features, in [0, 1] or :class:`ValueError`.

    Channels are rounded to multiples of 8, and the last convolution never has fewer than 1280, as in torchvision.
    Source: OnlineLabelSmoothing, ``fine-grained/``, whose network is torchvision's.
    """

    family: str = "torchvision_mobilenet"
    name: str = "mobilenetv2"
    dropout: float = 0.2

    def __post_init__(self) -> None:
        """Refuse a network that cannot be built (:class:`ValueError`)."""
        super().__post_init__()
        check_range("backbone.dropout", self.dropout, 0, 1)

    def paper_weights(self) -> PublishedWeights:
        """Return torchvision's first weights; timm's ``mobilenetv2_100`` only has others."""
        return IMAGENET_WEIGHTS
