"""Raw maps and objects for the tests of detection, and every prediction one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from olsrepro.detection.anchors import ANCHORS, STRIDES


def raw_maps(images: int, classes: int, height: int = 64, width: int = 96, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(images, 3 * (5 + classes), height // stride, width // stride) for stride in STRIDES]
    return [torch.randn(shape, generator=generator) for shape in shapes]


class Drawn(NamedTuple):
    boxes: Tensor
    classes: Tensor
    weights: Tensor
    owners: Tensor


def drawn_objects(count: int, images: int, classes: int, height: int = 64, width: int = 96, seed: int = 0) -> Drawn:
    """Boxes inside the images, of one pixel to all of them, at any place between pixels."""
    generator = torch.Generator().manual_seed(seed)
    extent = torch.tensor([width, height])
    sides = 1 + (extent - 1) * torch.rand(count, 2, generator=generator) ** 2
    corners = (extent - sides) * torch.rand(count, 2, generator=generator)
    return Drawn(
        torch.cat([corners, corners + sides], dim=1),
        torch.randint(classes, (count,), generator=generator),
        torch.rand(count, generator=generator),
        torch.randint(images, (count,), generator=generator),
    )


class Place(NamedTuple):
    """One prediction: where it stands, and the raw numbers (5 + K) that a map has for it."""

    image: int
    scale: int
    anchor: int
    row: int
    column: int
    raw: Tensor

    @property
    def key(self) -> tuple[int, ...]:
        return tuple(self[:5])

    def box(self) -> list[float]:
        """From the definition."""
        stride, (width, height) = STRIDES[self.scale], ANCHORS[self.scale][self.anchor]
        x, y, w, h = self.raw[:4].tolist()
        cx, cy = (self.column + 1 / (1 + math.exp(-x))) * stride, (self.row + 1 / (1 + math.exp(-y))) * stride
        return [
            cx - math.exp(w) * width / 2,
            cy - math.exp(h) * height / 2,
            cx + math.exp(w) * width / 2,
            cy + math.exp(h) * height / 2,
        ]


def places(maps: Sequence[Tensor]) -> Iterator[Place]:
    """All of them: image by image, scale by scale, anchor by anchor, row by row."""
    for image in range(len(maps[0])):
        for scale, one in enumerate(maps):
            each = one.shape[1] // 3
            for anchor in range(3):
                for row in range(one.shape[2]):
                    for column in range(one.shape[3]):
                        raw = one[image, anchor * each : (anchor + 1) * each, row, column]
                        yield Place(image, scale, anchor, row, column, raw)


def overlap_of(a: Sequence[float], b: Sequence[float]) -> float:
    across = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    down = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    common = across * down
    return common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)


def held_places(objects: Drawn, near: float = 0.3) -> tuple[dict[tuple[int, ...], int], set[tuple[int, int]]]:
    """From the definition: by place the object that holds it, and which objects were given to which scales."""
    held: dict[tuple[int, ...], int] = {}
    scales: set[tuple[int, int]] = set()
    for number, (box, owner) in enumerate(zip(objects.boxes.tolist(), objects.owners.tolist(), strict=True)):
        overlaps = {}
        for scale, stride in enumerate(STRIDES):
            column, row = int((box[0] + box[2]) / 2 // stride), int((box[1] + box[3]) / 2 // stride)
            cx, cy = (column + 0.5) * stride, (row + 0.5) * stride
            for anchor, (w, h) in enumerate(ANCHORS[scale]):
                around = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
                overlaps[(owner, scale, anchor, row, column)] = overlap_of(box, around)
        chosen = [key for key, value in overlaps.items() if value > near]
        for key in chosen or [max(overlaps, key=lambda key: overlaps[key])]:
            held[key] = number
            scales.add((number, key[1]))
    return held, scales
