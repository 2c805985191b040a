"""YOLO on a MobileNetV2 trunk: pyramid pooling, path aggregation, and one head for each of three strides."""

from __future__ import annotations

from torch import Tensor, nn

from olsrepro.models.detector import ANCHORS, Detector
from olsrepro.models.settings import scaled, scaled_blocks
from olsrepro.models.staged import StagedTrunk
from olsrepro.models.torchvision_mobilenet.network import build_trunk
from olsrepro.models.yolo_mobilenet.neck import PathAggregation, PyramidPooling, unit
from olsrepro.models.yolo_mobilenet.settings import Settings

TAPS = ("stage3", "stage4", "stage5")
"""Stages of the trunk that end on its 32-wide row, its 96-wide row and its last convolution."""
NARROW = (16, 48, 640)
"""Channels of the maps between the trunk and the heads, half of the taps'."""
PAIRS = (1, 2)
"""Pairs of units: three convolutions before and after the pooling, five after every concatenation."""


def build(settings: Settings, num_classes: int) -> Detector:
    """Build the network ``(B, 3, H, W) ->`` three maps of ``3 * (5 + num_classes)`` channels; the trunk is drawn first.

    Source: argusswift/YOLOv4-pytorch (860d3ee), ``model/build_model.py`` with its MobileNetV2 trunk.
    """
    return YoloMobileNet(
        build_trunk(settings.width, settings.depth_factor),
        tuple(scaled(channels, settings.width) for channels in NARROW),
        *scaled_blocks(PAIRS, settings.depth_factor),
        num_classes=num_classes,
    )


class YoloMobileNet(Detector):
    """YOLO detector on a MobileNetV2 trunk, with three raw maps; see :func:`build`.

    Args:
        trunk: MobileNetV2, whose ``stage3``, ``stage4`` and ``stage5`` are tapped.
        narrow: channels at strides 8, 16 and 32.
        short: pairs of units before the pooling, and again after it.
        long: pairs of units after every concatenation.
        num_classes: K.
    """

    def __init__(self, trunk: StagedTrunk, narrow: tuple[int, ...], short: int, long: int, *, num_classes: int) -> None:
        super().__init__()
        self.trunk = trunk
        fine, middle, coarse = (trunk.stage_channels[tap] for tap in TAPS)
        self.pooling = PyramidPooling(coarse, narrow[-1], short)
        self.aggregation = PathAggregation((fine, middle, 4 * narrow[-1]), narrow, short, long)
        self.heads = nn.ModuleList(unit(channels, 2 * channels, 3) for channels in narrow)
        outputs = ANCHORS * (5 + num_classes)
        self.predictors = nn.ModuleList(nn.Conv2d(2 * channels, outputs, 1) for channels in narrow)
        for part in (self.pooling, self.aggregation, self.heads, self.predictors):
            part.apply(narrow_normal)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the raw maps of images ``(B, 3, H, W)``; sides not divisible by 32 raise :class:`ValueError`."""
        height, width = images.shape[-2:]
        if height % self.strides[-1] or width % self.strides[-1]:
            raise ValueError(f"images of {height} x {width} pixels: both sides must be multiples of {self.strides[-1]}")
        stages = self.trunk.stage_features(images)
        fine, middle, coarse = (stages[tap] for tap in TAPS)
        maps = self.aggregation([fine, middle, self.pooling(coarse)])
        ends = zip(self.heads, self.predictors, maps, strict=True)
        return [predict(head(features)) for head, predict, features in ends]


def narrow_normal(module: nn.Module) -> None:
    """Draw a convolution from N(0, 0.01) with its bias at 0; batch norms keep torch's 1 and 0."""
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0, 0.01)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
