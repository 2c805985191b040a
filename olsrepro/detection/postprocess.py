"""Selection of the boxes that a detector reports from its predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import batched_nms

from olsrepro.detection.boxes import area
from olsrepro.detection.decoding import predictions


@dataclass(frozen=True)
class Detections:
    """Detected objects of one image, on the CPU.

    Attributes:
        boxes: float32 (N, 4), edges in pixels.
        scores: float32 (N,), in [0, 1].
        classes: int64 (N,).
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor

    def __len__(self) -> int:
        return len(self.scores)

    def at(self, rows: Tensor) -> Detections:
        """Select some detections, by a mask or by indices."""
        return Detections(self.boxes[rows], self.scores[rows], self.classes[rows])

    def moved(self, boxes: Tensor) -> Detections:
        """Replace the boxes (N, 4); detections whose new box has no area are left out."""
        return Detections(boxes, self.scores, self.classes).at(area(boxes) > 0)


@torch.no_grad()
def candidates(maps: Sequence[Tensor], threshold: float) -> list[Detections]:
    """Return each image's boxes with their best class and a score (objectness times its sigmoid) above ``threshold``.

    Source: argusswift/YOLOv4-pytorch (860d3ee), ``eval/evaluator.py``.

    Args:
        maps: raw, (B, A · (5 + K), h, w) at strides 8, 16 and 32.
        threshold: in [0, 1].
    """
    said = predictions(maps)
    best, classes = said.class_logits.max(dim=-1)
    scores = said.objectness.sigmoid() * best.sigmoid()
    images, places = (scores > threshold).nonzero(as_tuple=True)
    parts = (said.boxes_at(images, places), scores[images, places], classes[images, places])
    counts = torch.bincount(images, minlength=len(scores)).tolist()
    return [Detections(*image) for image in zip(*(torch.split(part.cpu(), counts) for part in parts), strict=True)]


def merged(passes: Sequence[Detections]) -> Detections:
    """Pool the detections of several passes (sizes, flips) over one image."""
    boxes, scores, classes = zip(*((one.boxes, one.scores, one.classes) for one in passes), strict=True)
    return Detections(torch.cat(boxes), torch.cat(scores), torch.cat(classes))


def strongest(found: Detections, most: int) -> Detections:
    """Keep at most ``most`` detections, by falling score; of equal scores the earlier comes first."""
    return found.at(found.scores.sort(descending=True, stable=True).indices[:most])


def suppressed(found: Detections, iou: float) -> Detections:
    """Drop detections whose IoU with a higher-scoring one of their class exceeds ``iou``; the rest by falling score."""
    ordered = strongest(found, len(found))
    if not len(ordered):
        return ordered
    # torchvision shifts each class to the right of the one before, which separates them only if no edge is negative.
    boxes = ordered.boxes - ordered.boxes.min()
    # On the CPU torchvision compares the boxes' IoU, in fp32, with a double: 0.6 in fp32 would exceed 0.6.
    limit = float(boxes.new_tensor(iou))
    return ordered.at(batched_nms(boxes, ordered.scores, ordered.classes, limit).sort().values)
