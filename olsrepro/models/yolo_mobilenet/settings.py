"""Settings of YOLO on a MobileNetV2 trunk (of the paper's Table X)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from olsrepro.models.library import LibrarySettings
from olsrepro.models.published import PublishedWeights
from olsrepro.models.torchvision_mobilenet.settings import IMAGENET_WEIGHTS


@dataclass(frozen=True)
class Settings(LibrarySettings):
    """Object detector, all of whose channels are multiplied by ``width``.

    ``depth_factor`` multiplies the blocks of the trunk's rows, and the 3 x 3 convolutions in each run of convolutions
    after it. Source: argusswift/YOLOv4-pytorch (860d3ee), its MobileNetV2 setting.
    """

    task: ClassVar[str] = "detection"
    side_multiple: ClassVar[int] = 32
    counted_at: ClassVar[int] = 416
    counted_classes: ClassVar[int] = 20
    has_stages: ClassVar[bool] = False

    family: str = "yolo_mobilenet"
    name: str = "yolo_mobilenetv2"

    def paper_weights(self) -> PublishedWeights:
        """Return the trunk's weights: those of the classifier in Table VI."""
        return IMAGENET_WEIGHTS
