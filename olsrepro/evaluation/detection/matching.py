"""Matching of detections to objects, by the rules of PASCAL VOC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from olsrepro.data.objects import Objects
from olsrepro.detection.boxes import iou
from olsrepro.detection.postprocess import Detections


@dataclass(frozen=True)
class Matches:
    """Matches of all detections in all images, in falling order of their scores.

    Attributes:
        classes: int64 (N,).
        hits: bool (N,), found an object that no detection above had found.
        ignored: bool (N,), neither right nor wrong: found an object marked as difficult.
    """

    classes: Tensor
    hits: Tensor
    ignored: Tensor


def match(found: Sequence[Detections], objects: Objects, least_iou: float = 0.5) -> Matches:
    """Match the detections of each image to its objects.

    A detection points at the object of its class in its image that it overlaps most, even if others do too, and only if
    the IoU is above ``least_iou``. Of those that point at one object, the highest score has found it, and the others
    are wrong. Equal scores are in the order of their images. Source: the development kit of VOC 2012, ``VOCevaldet.m``;
    boxes are edges here, so that the widths include its "+1".

    Args:
        found: the detections in each image.
        objects: of these images in the same order, on the CPU.
        least_iou: in [0, 1].
    """
    rows = torch.cat([_pointed_at(one, objects, image, least_iou) for image, one in enumerate(found)])
    order = torch.cat([one.scores for one in found]).sort(descending=True, stable=True).indices
    rows, classes = rows[order], torch.cat([one.classes for one in found])[order]
    points = rows >= 0
    ignored = points & _looked_up(objects.difficult, rows, points)
    return Matches(classes, hits=_is_first(rows, points, len(objects.classes)) & ~ignored, ignored=ignored)


def _pointed_at(found: Detections, objects: Objects, image: int, least_iou: float) -> Tensor:
    """Return the row in ``objects`` that each detection of an image points at, int64 (N,); -1 for none."""
    first, end = int(objects.starts[image]), int(objects.starts[image + 1])
    if first == end or not len(found):
        return torch.full((len(found),), -1)
    same_class = found.classes[:, None] == objects.classes[None, first:end]
    overlaps, which = (iou(found.boxes, objects.boxes[first:end]) * same_class).max(dim=1)
    return torch.where((overlaps > least_iou) & same_class.any(dim=1), first + which, -1)


def _looked_up(values: Tensor, rows: Tensor, points: Tensor) -> Tensor:
    """Return ``values`` at the rows that are pointed at, False elsewhere."""
    picked = torch.zeros(len(rows), dtype=torch.bool)
    picked[points] = values[rows[points]]
    return picked


def _is_first(rows: Tensor, points: Tensor, count: int) -> Tensor:
    """Mark the first of the detections that point at each of ``count`` rows: bool (N,)."""
    places = torch.arange(len(rows))
    first = torch.full((count,), len(rows)).scatter_reduce_(0, rows[points], places[points], "amin")
    is_first = torch.zeros(len(rows), dtype=torch.bool)
    is_first[points] = first[rows[points]] == places[points]
    return is_first
