"""Loss of a detector's predictions: boxes, objectness and classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from olsrepro.detection.assignment import Assignment
from olsrepro.detection.boxes import area, ciou, overlap
from olsrepro.detection.decoding import Predictions, predictions

IGNORED_FROM = 0.5
"""IoU with an object at and above which an empty place's objectness is ignored."""
_AT_A_TIME = 64  # objects that are compared at once with all places of their images


@dataclass(frozen=True)
class DetectionLoss:
    """Three sums over a batch, each divided by its number of images, and the class predictions for its objects.

    Attributes:
        box, objectness, classification: fp32 scalars.
        class_logits: (R, K), detached, one row per object and anchor.
        classes: int64 (R,).
        positive: bool (R,): the rows that count.
    """

    box: Tensor
    objectness: Tensor
    classification: Tensor
    class_logits: Tensor
    classes: Tensor
    positive: Tensor

    @property
    def total(self) -> Tensor:
        """Sum of the three losses."""
        return self.box + self.objectness + self.classification

    @property
    def correct(self) -> Tensor:
        """Rows that count and whose best class is the object's, bool (R,)."""
        return self.positive & (self.class_logits.argmax(dim=1) == self.classes)


def detection_loss(
    maps: Sequence[Tensor],
    assignment: Assignment,
    class_targets: Callable[[Tensor], Tensor],
    *,
    detach_alpha: bool = True,
) -> DetectionLoss:
    """Compute the loss of raw maps (B, A · (5 + K), h, w) against the objects assigned to their places.

    - box: ``(1 - CIoU) · (2 - w h / (W H))`` of positives, with the object's sides w and h, the image's W and H.
    - objectness: focal binary cross entropy, gamma 2, alpha 1, of positives and of empty places whose box has an IoU
      below 0.5 with every object of that image that was assigned to that scale.
    - classification: binary cross entropy of each class's sigmoid, summed over the classes, of positives.

    Every term is weighted by the mix-up weight of its place's object, 1 if the place is empty. Source:
    argusswift/YOLOv4-pytorch (860d3ee), ``model/loss/yolo_loss.py``.

    Args:
        maps: at strides 8, 16 and 32; half-precision maps are raised to fp32.
        assignment: on the grid of these maps.
        class_targets: maps classes int64 (R,) to targets (R, K) in [0, 1].
        detach_alpha: of the CIoU, see :func:`olsrepro.detection.boxes.ciou`; that code does not.
    """
    said, images = predictions(maps), len(maps[0])
    anchors = assignment.places.shape[1]
    owners, places = assignment.owners.repeat_interleave(anchors), assignment.places.flatten()
    positive, classes = assignment.positive.flatten(), assignment.classes.repeat_interleave(anchors)
    weights = assignment.weights.repeat_interleave(anchors) * positive
    truth = assignment.boxes.repeat_interleave(anchors, dim=0)
    class_logits = said.class_logits[owners, places]
    cious = ciou(said.boxes_at(owners, places), truth, detach_alpha=detach_alpha)
    box = box_losses(cious, truth, said.grid.width * said.grid.height)
    classification = F.binary_cross_entropy_with_logits(class_logits, class_targets(classes), reduction="none").sum(1)
    return DetectionLoss(
        box=(weights * box).sum() / images,
        objectness=_objectness(said, assignment) / images,
        classification=(weights * classification).sum() / images,
        class_logits=class_logits.detach(),
        classes=classes,
        positive=positive,
    )


def box_losses(cious: Tensor, truth: Tensor, image_area: float) -> Tensor:
    """Compute ``(1 - CIoU) · (2 - area / image_area)`` (R,) for objects (R, 4): small ones count up to twice."""
    return (1 - cious) * (2 - area(truth) / image_area)


def focal_losses(logits: Tensor, is_object: Tensor) -> Tensor:
    """Compute binary cross entropy times the squared error of the sigmoid (Lin et al. 2017), same shape."""
    wrong = torch.where(is_object, -logits, logits)
    return -F.logsigmoid(-wrong) * wrong.sigmoid() ** 2


def _objectness(said: Predictions, assignment: Assignment) -> Tensor:
    """Compute the weighted sum of focal losses over all places that count."""
    held = assignment.holders >= 0
    # If no object holds a place, -1 picks the 1 after the last weight.
    weights = torch.cat([assignment.weights, assignment.weights.new_ones(1)])[assignment.holders]
    losses = focal_losses(said.objectness, held) * weights
    return losses.where(held | ~_near_an_object(said, assignment), 0).sum()


@torch.no_grad()
def _near_an_object(said: Predictions, assignment: Assignment) -> Tensor:
    """Mark places, bool (B, P), whose box has an IoU of 0.5 or more with an object of its image and assigned scale."""
    boxes = said.boxes()
    best = torch.zeros(boxes.shape[:2], dtype=boxes.dtype, device=boxes.device)
    parts = (assignment.owners, assignment.boxes, assignment.scales)
    for owners, objects, scales in zip(*(torch.split(part, _AT_A_TIME) for part in parts), strict=True):
        overlaps = overlap(boxes[owners], objects[:, None]) * scales[:, said.grid.place_scales]
        best.scatter_reduce_(0, owners[:, None].expand_as(overlaps), overlaps, "amax")
    return best >= IGNORED_FROM
