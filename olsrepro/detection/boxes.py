"""Overlap of boxes. A box is its edges x1, y1, x2, y2 in pixels, continuous: its width is x2 - x1."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LEAST = 1e-7


def area(boxes: Tensor) -> Tensor:
    """Compute the areas (...) of boxes (..., 4) in square pixels; 0 where the right edge is left of the left one."""
    width, height = _sides(boxes)
    return width.clamp(min=0) * height.clamp(min=0)


def overlap(first: Tensor, second: Tensor) -> Tensor:
    """Compute the intersection over union (...) of boxes (..., 4), element by element; 0 for two boxes without area.

    Leading shapes are broadcast. torchvision's ``box_iou`` compares every pair and is NaN for two boxes without area.
    """
    x1, y1, x2, y2 = first.unbind(-1)
    left, top, right, bottom = second.unbind(-1)
    across = (torch.minimum(x2, right) - torch.maximum(x1, left)).clamp(min=0)
    down = (torch.minimum(y2, bottom) - torch.maximum(y1, top)).clamp(min=0)
    common = across * down
    return common / (area(first) + area(second) - common).clamp(min=_LEAST)


def iou(first: Tensor, second: Tensor) -> Tensor:
    """Compute the intersection over union (M, N) of each of boxes (M, 4) with each of boxes (N, 4)."""
    return overlap(first[:, None], second[None])


def ciou(predicted: Tensor, truth: Tensor, *, detach_alpha: bool = True) -> Tensor:
    """Compute the complete IoU (P,) of boxes (P, 4), element by element (Zheng et al. 2020, Equations 10 and 11).

    It subtracts from the IoU the squared distance of the centres over the squared diagonal of the box around both, and
    ``alpha v``, where v compares the aspect ratios. Values and gradients are finite for boxes without area too, where
    those of torchvision's ``complete_box_iou_loss`` are NaN.

    Args:
        predicted, truth: the boxes.
        detach_alpha: whether alpha is a constant for the gradient, as in Zheng's code and torchvision's.
    """
    ious = overlap(predicted, truth)
    unlike = 4 / math.pi**2 * (_slant(truth) - _slant(predicted)) ** 2
    alpha = unlike / (1 - ious + unlike).clamp(min=_LEAST)
    return ious - _centre_distance(predicted, truth) - (alpha.detach() if detach_alpha else alpha) * unlike


def _sides(boxes: Tensor) -> tuple[Tensor, Tensor]:
    return boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]


def _slant(boxes: Tensor) -> Tensor:
    """Return the angles whose tangent is width over height."""
    width, height = _sides(boxes)
    return torch.atan(width / height.clamp(min=_LEAST))


def _centre_distance(first: Tensor, second: Tensor) -> Tensor:
    """Compute the squared distance of the centres over the squared diagonal of the box around both."""
    apart = (first[..., :2] + first[..., 2:] - second[..., :2] - second[..., 2:]) / 2
    around = torch.maximum(first[..., 2:], second[..., 2:]) - torch.minimum(first[..., :2], second[..., :2])
    return (apart**2).sum(-1) / (around**2).sum(-1).clamp(min=_LEAST)
