"""Settings of mean average precision (Table X)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from olsrepro.checks import check_choice, check_flag, check_range, check_whole
from olsrepro.data.detection.settings import STRIDE
from olsrepro.evaluation.settings import EvaluationSettings

RULES = ("all_point", "eleven_point", "coco_points")
SIZES, OWN_SIDE = (320, 416, 512, 608), 416


@dataclass(frozen=True)
class Settings(EvaluationSettings):
    """Images that a detector is given, boxes of it that count, and the rule that scores them (paper V-D, Table X).

    The paper says "multi-scale"; the values are those of argusswift/YOLOv4-pytorch (860d3ee).

    Args:
        sizes: sides in pixels of the letter-boxed images; the boxes that an image gets at each are pooled. If empty:
            those of that repository, 320, 416, 512 and 608, scaled by the data set's own side over 416.
        flip: whether each image is also tested mirrored.
        score_threshold: the score that a box must exceed.
        nms_iou: a box that overlaps a higher score of its class by more than this is dropped.
        most: number of boxes of an image, those of the highest scores, that are considered. Our limit: a trained
            network gives fewer, an untrained one would give all of its hundred thousand.
        iou: a box has found an object that it overlaps by more than this.
        rule: how the area under precision over recall is computed: ``all_point``, under the envelope;
            ``eleven_point``, VOC 2007's own; ``coco_points``, the mean at 101 recalls.
        keep: number of test images, from the first, whose boxes are kept beside the record.
        batch_size: images at a time; changes the memory that is needed, not the result.
    """

    version: ClassVar[int] = 2
    task: ClassVar[str] = "detection"

    name: str = "detection"
    sizes: tuple[int, ...] | list[int] = ()
    flip: bool = True
    score_threshold: float = 0.005
    nms_iou: float = 0.45
    most: int = 5000
    iou: float = 0.5
    rule: str = "all_point"
    keep: int = 0
    batch_size: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_sizes(self.sizes)
        check_flag("flip", self.flip)
        for key in ("score_threshold", "nms_iou", "iou"):
            check_range(key, getattr(self, key), 0, 1)
        check_choice("rule", self.rule, RULES)
        check_whole("most", self.most, 1)
        check_whole("keep", self.keep, 0)
        check_whole("batch_size", self.batch_size, 1)

    def sizes_at(self, side: int) -> list[int]:
        """Return the sizes, in rising order, for a data set whose own side is ``side`` pixels."""
        return sorted(self.sizes or {max(1, round(size * side / OWN_SIDE / STRIDE)) * STRIDE for size in SIZES})

    def identity(self) -> dict[str, Any]:
        """Return the parameters without ``batch_size``; the order of sizes does not matter."""
        parameters = super().identity()
        del parameters["batch_size"]
        return parameters | {"sizes": sorted(self.sizes)}


def _check_sizes(sizes: object) -> None:
    if not isinstance(sizes, tuple | list):
        raise ValueError(f"sizes={sizes} must be a list such as [320,416]")
    for size in sizes:
        check_whole("sizes", size, STRIDE)
        if size % STRIDE:
            near = f"{STRIDE * (size // STRIDE)} or {STRIDE * (size // STRIDE + 1)}"
            raise ValueError(f"sizes={list(sizes)} must be multiples of {STRIDE} pixels; take {near} for {size}")
    if len(set(sizes)) < len(sizes):
        raise ValueError(f"sizes={list(sizes)} names a size twice; keep one of them")
