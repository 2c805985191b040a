"""Order of the predictions for an image: scale by scale, within a scale anchor by anchor, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from olsrepro.detection.anchors import ANCHORS, STRIDES

Shapes = tuple[tuple[int, int], ...]
"""Rows and columns of each raw map, finest first."""


@dataclass(frozen=True)
class Grid:
    """Grid of S scales with A anchors each: P = sum of A · rows · columns places.

    Attributes:
        height, width: size of the image in pixels.
        strides: float32 (S, 1).
        anchors: float32 (S, A, 2), widths and heights in pixels.
        cells: int64 (S, 2), numbers of columns and rows.
        first: int64 (S, 1), the first place of a scale.
        corners: float32 (P, 2), the left and the upper edge of each place's cell in pixels.
        place_strides, place_anchors, place_scales: of each place; float32 (P, 1), float32 (P, 2), int64 (P,).
    """

    height: int
    width: int
    strides: Tensor
    anchors: Tensor
    cells: Tensor
    first: Tensor
    corners: Tensor
    place_strides: Tensor
    place_anchors: Tensor
    place_scales: Tensor


def grid_of(maps: Sequence[Tensor]) -> Grid:
    """Return the grid of raw maps (B, A · (5 + K), h, w) at strides 8, 16 and 32, on their device."""
    shapes = tuple((one.shape[-2], one.shape[-1]) for one in maps)
    return _grid(shapes, maps[0].device)


@lru_cache(maxsize=32)  # so that a step waits for no copy to the device
@torch.inference_mode(False)  # a grid first built in a test is used in training too
def _grid(shapes: Shapes, device: torch.device) -> Grid:
    anchors = torch.tensor(ANCHORS, dtype=torch.float32)
    per_scale = anchors.shape[1]
    counts = torch.tensor([per_scale * rows * columns for rows, columns in shapes])
    scales = torch.arange(len(shapes)).repeat_interleave(counts)
    strides = torch.tensor(STRIDES, dtype=torch.float32)
    parts = {
        "strides": strides[:, None],
        "anchors": anchors,
        "cells": torch.tensor([(columns, rows) for rows, columns in shapes]),
        "first": (counts.cumsum(0) - counts)[:, None],
        "corners": torch.cat(
            [_corners(*shape, stride, per_scale) for shape, stride in zip(shapes, STRIDES, strict=True)]
        ),
        "place_strides": strides[scales][:, None],
        "place_anchors": torch.cat([_spread(one, *shape) for one, shape in zip(anchors, shapes, strict=True)]),
        "place_scales": scales,
    }
    rows, columns = shapes[0]
    return Grid(STRIDES[0] * rows, STRIDES[0] * columns, **{name: part.to(device) for name, part in parts.items()})


def _corners(rows: int, columns: int, stride: int, anchors: int) -> Tensor:
    """Return the corners (anchors · rows · columns, 2), x and y, of the cells of a scale, repeated for each anchor."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return stride * torch.stack([x, y], dim=-1).reshape(-1, 2).repeat(anchors, 1).float()


def _spread(anchors: Tensor, rows: int, columns: int) -> Tensor:
    """Return each anchor of a scale once for each cell, (A · rows · columns, 2)."""
    return anchors.repeat_interleave(rows * columns, dim=0)
