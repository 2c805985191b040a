"""Assignment of objects to predictions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from olsrepro.detection.boxes import overlap
from olsrepro.detection.grid import Grid

NEAR = 0.3
"""IoU above which an anchor is assigned to an object."""


@dataclass(frozen=True)
class Assignment:
    """Places of M objects in B images: one in each object's cell for each of C = S · A anchors.

    All sizes follow from M, B and the grid, so that nothing waits for the device: each object has an entry for every
    anchor, and ``positive`` marks those that count.

    Attributes:
        boxes: float32 (M, 4), edges in pixels of the images.
        classes: int64 (M,).
        weights: float32 (M,), mix-up weights.
        owners: int64 (M,), the image of each object.
        places: int64 (M, C), place of the object's cell with each anchor.
        positive: bool (M, C): the object holds that place; no two objects hold the same one.
        scales: bool (M, S): an anchor of that scale was near enough, even if another object holds the place.
        holders: int64 (B, P), the object that holds each place; -1 if none does.
    """

    boxes: Tensor
    classes: Tensor
    weights: Tensor
    owners: Tensor
    places: Tensor
    positive: Tensor
    scales: Tensor
    holders: Tensor


def assign(
    boxes: Tensor, classes: Tensor, weights: Tensor, owners: Tensor, *, images: int, grid: Grid, near: float = NEAR
) -> Assignment:
    """Assign objects to predictions.

    Every anchor, centred in the object's cell of its scale, whose IoU with the object is above ``near`` is positive; an
    object may have several, on several scales. If none is, the one with the highest IoU is. If two objects want one
    place, the later of them holds it, on every device. Source: argusswift/YOLOv4-pytorch (860d3ee),
    ``utils/datasets.py``.

    Args:
        boxes: float32 (M, 4), edges in pixels of the images, their centres inside.
        classes: int64 (M,).
        weights: float32 (M,).
        owners: int64 (M,), rows of their images in the batch.
        images: B.
        grid: the images' grid.
        near: IoU threshold.
    """
    cells = _cells(boxes, grid)
    chosen = _chosen(_anchor_overlaps(boxes, cells, grid), near)
    places = _places(cells, grid)
    holders = _holders(places, chosen, owners, images, len(grid.corners))
    order = torch.arange(len(boxes), device=boxes.device)
    positive = chosen & (holders[owners[:, None], places] == order[:, None])
    scales = chosen.view(-1, *grid.anchors.shape[:2]).any(dim=2)
    return Assignment(boxes, classes, weights, owners, places, positive, scales, holders)


def _cells(boxes: Tensor, grid: Grid) -> Tensor:
    """Find the column and row (M, S, 2), int64, of the cell that contains each box's centre on each scale."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return (centres[:, None] / grid.strides).long().clamp(min=0).minimum(grid.cells - 1)


def _anchor_overlaps(boxes: Tensor, cells: Tensor, grid: Grid) -> Tensor:
    """Compute the IoU (M, C) of boxes with the anchors centred in their cells."""
    centres = ((cells + 0.5) * grid.strides)[:, :, None]
    around = torch.cat([centres - grid.anchors / 2, centres + grid.anchors / 2], dim=-1)
    return overlap(boxes[:, None, None], around).flatten(1)


def _chosen(overlaps: Tensor, near: float) -> Tensor:
    """Select the anchors (M, C) of each object: all that are near enough, else the nearest one."""
    is_near = overlaps > near
    nearest = torch.arange(overlaps.shape[1], device=overlaps.device) == overlaps.argmax(dim=1, keepdim=True)
    return torch.where(is_near.any(dim=1, keepdim=True), is_near, nearest)


def _places(cells: Tensor, grid: Grid) -> Tensor:
    """Compute the places (M, C) of cells with each anchor."""
    columns, rows = grid.cells[:, :1], grid.cells[:, 1:]
    x, y = cells[..., :1], cells[..., 1:]
    anchors = torch.arange(grid.anchors.shape[1], device=cells.device)
    return (grid.first + (anchors * rows + y) * columns + x).flatten(1)


def _holders(places: Tensor, chosen: Tensor, owners: Tensor, images: int, count: int) -> Tensor:
    """Find the last object (B, P) that chose each place; a maximum, so that the order of writes has no effect."""
    order = torch.arange(len(places), device=places.device)[:, None]
    holders = torch.full((images * count,), -1, device=places.device)
    wanted = (owners[:, None] * count + places).flatten()
    return holders.scatter_reduce_(0, wanted, torch.where(chosen, order, -1).flatten(), "amax").view(images, count)
