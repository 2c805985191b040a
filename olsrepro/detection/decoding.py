"""Decoding of a detector's raw maps into boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from olsrepro.detection.grid import Grid, grid_of

_MOST_LOG = 8.0
"""Largest logarithm of a box's side over its anchor's, so that no area overflows; beyond it there is no gradient."""


@dataclass(frozen=True)
class Predictions:
    """Outputs of a detector at the P places of each of B images (see :class:`Grid`); fp32, or float64 if the maps are.

    Attributes:
        raw: (B, P, 4): x, y, width and height before any sigmoid or exponential.
        objectness: (B, P), logits.
        class_logits: (B, P, K), one sigmoid each.
        grid: positions of the places.
    """

    raw: Tensor
    objectness: Tensor
    class_logits: Tensor
    grid: Grid

    def boxes(self) -> Tensor:
        """Decode all boxes (B, P, 4), as edges in pixels of the image; not clipped to it."""
        grid = self.grid
        return decode(self.raw, grid.corners, grid.place_strides, grid.place_anchors)

    def boxes_at(self, images: Tensor, places: Tensor) -> Tensor:
        """Decode the boxes (R, 4) at some places (R,) of some images (R,)."""
        grid = self.grid
        return decode(
            self.raw[images, places], grid.corners[places], grid.place_strides[places], grid.place_anchors[places]
        )


def decode(raw: Tensor, corners: Tensor, strides: Tensor, anchors: Tensor) -> Tensor:
    """Decode raw boxes to edges (..., 4): centre ``corner + sigmoid(t) · stride``, sides ``exp(t) · anchor``.

    Args:
        raw: (..., 4): x, y, width, height.
        corners: (..., 2), left and upper edges of the cells in pixels.
        strides: (..., 1), sides of the cells in pixels.
        anchors: (..., 2), widths and heights in pixels.
    """
    centres = corners + raw[..., :2].sigmoid() * strides
    half = raw[..., 2:].clamp(max=_MOST_LOG).exp() * anchors / 2
    return torch.cat([centres - half, centres + half], dim=-1)


def predictions(maps: Sequence[Tensor]) -> Predictions:
    """Rearrange raw maps (B, A · (5 + K), h, w) at strides 8, 16 and 32 place by place.

    Source: argusswift/YOLOv4-pytorch (860d3ee), ``model/head/yolo_head.py``: for each anchor x, y, width, height,
    objectness, K classes.
    """
    grid = grid_of(maps)
    rows = torch.cat([_by_place(one, grid.anchors.shape[1]) for one in maps], dim=1)
    raw, objectness, class_logits = torch.split(rows, [4, 1, rows.shape[-1] - 5], dim=-1)
    return Predictions(raw, objectness[..., 0], class_logits, grid)


def _by_place(one: Tensor, anchors: int) -> Tensor:
    """Reshape a raw map to (B, A · h · w, 5 + K); half-precision maps become fp32."""
    images, channels, rows, columns = one.shape
    wide = one if one.dtype == torch.float64 else one.float()
    places = wide.view(images, anchors, channels // anchors, rows, columns).permute(0, 1, 3, 4, 2)
    return places.reshape(images, anchors * rows * columns, channels // anchors)
