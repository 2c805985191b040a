"""Drawings of coloured shapes on textured ground; each image is a function of its number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from olsrepro.randomness import address, uniform

Mask = npt.NDArray[np.bool_]
Grid = npt.NDArray[np.float64]
Canvas = npt.NDArray[np.float64]
"""Red, green and blue in 0 .. 255, (H, W, 3)."""

SIDES = (96, 160)
MOST_OBJECTS = 4
_DRAW_SEED = 0
_TRIES = 10
_MOST_OVERLAP = 0.35  # of the smaller one's box
_SMALL_CHANCE = 0.2
_LARGE, _SMALL = (0.25, 0.6), (0.09, 0.18)  # diameters, in shorter sides of the image
_LEAST_SIDE = 9  # pixels: a smaller one is difficult
_LEAST_SEEN = 0.7  # of its pixels: a more hidden one is difficult

Colour = tuple[int, int, int]
"""Red, green and blue in 0 .. 255."""


def _circle(x: Grid, y: Grid) -> Mask:
    return x**2 + y**2 <= 1


def _cross(x: Grid, y: Grid) -> Mask:
    return np.minimum(abs(x), abs(y)) <= 0.3


def _ring(x: Grid, y: Grid) -> Mask:
    return (x**2 + y**2 <= 1) & (x**2 + y**2 >= 0.35)


def _square(x: Grid, y: Grid) -> Mask:
    return np.ones_like(x, dtype=bool)


def _star(x: Grid, y: Grid) -> Mask:
    """Mark five points, the first upwards; from a point (radius 1) to a dent (0.4) the edge falls fast, then slowly."""
    angle = np.arctan2(x, -y) % (2 * np.pi / 5) * 5 / np.pi  # 0 and 2 at points, 1 at a dent
    return np.hypot(x, y) <= 0.4 + 0.6 * abs(angle - 1) ** 1.5


def _triangle(x: Grid, y: Grid) -> Mask:
    return 2 * abs(x) <= y + 1


class Shape(NamedTuple):
    """Points inside a shape, by coordinates in [-1, 1] (y points down), and its colour, by which it is learnt."""

    inside: Callable[[Grid, Grid], Mask]
    colour: Colour


SHAPES = {
    "circle": Shape(_circle, (220, 40, 40)),
    "cross": Shape(_cross, (40, 170, 60)),
    "ring": Shape(_ring, (50, 80, 220)),
    "square": Shape(_square, (230, 200, 40)),
    "star": Shape(_star, (200, 60, 200)),
    "triangle": Shape(_triangle, (40, 190, 200)),
}


class Edges(NamedTuple):
    """A box in whole pixels as VOC counts them: from 1, the last ones included."""

    xmin: int
    ymin: int
    xmax: int
    ymax: int

    @property
    def area(self) -> int:
        """Area in pixels."""
        return max(0, self.xmax - self.xmin + 1) * max(0, self.ymax - self.ymin + 1)

    def overlap(self, other: Edges) -> float:
        """Return the share of the smaller box that both cover."""
        low, high = map(max, self[:2], other[:2]), map(min, self[2:], other[2:])
        return Edges(*low, *high).area / min(self.area, other.area)


@dataclass(frozen=True)
class Drawn:
    """An object as it was drawn."""

    shape: str
    edges: Edges
    is_difficult: bool
    is_truncated: bool


class _Chance:
    """Uniform numbers of one image, one after another."""

    def __init__(self, image: int) -> None:
        self._image = image
        self._places = count()

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * float(self.grid(1)[0])

    def below(self, choices: int) -> int:
        return int(self.between(0, choices))

    def grid(self, *shape: int) -> Grid:
        key = address(_DRAW_SEED, "shapes", self._image, next(self._places))
        drawn: Grid = uniform(key, torch.arange(int(np.prod(shape)))).numpy().reshape(shape)
        return drawn


def draw(number: int) -> tuple[Image.Image, list[Drawn]]:
    """Make an image with one to four objects, later ones over earlier ones; return it and them."""
    chance = _Chance(number)
    width, height = (SIDES[0] + chance.below(SIDES[1] - SIDES[0] + 1) for _ in "xy")
    canvas = _ground(chance, width, height)
    placed: list[tuple[str, Mask]] = []
    for _ in range(1 + chance.below(MOST_OBJECTS)):
        shape = tuple(SHAPES)[chance.below(len(SHAPES))]
        if (mask := _free_place(chance, shape, (height, width), [other for _, other in placed])) is not None:
            _paint(chance, canvas, mask, SHAPES[shape].colour)
            placed.append((shape, mask))
    return Image.fromarray(canvas.clip(0, 255).astype(np.uint8)), _described(placed)


def _ground(chance: _Chance, width: int, height: int) -> Canvas:
    """Make a background of dull clouds and grain."""
    level, tint = chance.between(60, 190), 30 * chance.grid(3)
    coarse = Image.fromarray(chance.grid(6, 6).astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    clouds = 60 * (np.asarray(coarse, dtype=np.float64) - 0.5)
    return level + tint + clouds[..., None] + 30 * (chance.grid(height, width, 1) - 0.5)


def _free_place(chance: _Chance, shape: str, size: tuple[int, int], others: Sequence[Mask]) -> Mask | None:
    """Find pixels for a shape where it hides little of others; None where no try found such a place."""
    for _ in range(_TRIES):
        mask = _mask(chance, shape, size)
        if mask.any() and all(edges_of(mask).overlap(edges_of(other)) <= _MOST_OVERLAP for other in others):
            return mask
    return None


def _mask(chance: _Chance, shape: str, size: tuple[int, int]) -> Mask:
    height, width = size
    radius = min(size) / 2 * chance.between(*(_SMALL if chance.between(0, 1) < _SMALL_CHANCE else _LARGE))
    radius_x, radius_y = (radius * chance.between(0.8, 1.0) for _ in "xy")
    centre_x, centre_y = chance.between(radius / 2, width - radius / 2), chance.between(radius / 2, height - radius / 2)
    x = (np.arange(width) + 0.5 - centre_x)[None, :] / radius_x + np.zeros(size)
    y = (np.arange(height) + 0.5 - centre_y)[:, None] / radius_y + np.zeros(size)
    return SHAPES[shape].inside(x, y) & (abs(x) <= 1) & (abs(y) <= 1)


def _paint(chance: _Chance, canvas: Canvas, mask: Mask, colour: Colour) -> None:
    canvas[mask] = np.array(colour) * chance.between(0.75, 1.0) + 16 * (chance.grid(int(mask.sum()), 1) - 0.5)


def edges_of(mask: Mask) -> Edges:
    """Return the smallest box around some pixels."""
    (rows,), (columns,) = (np.nonzero(mask.any(axis=axis)) for axis in (1, 0))
    return Edges(int(columns[0]) + 1, int(rows[0]) + 1, int(columns[-1]) + 1, int(rows[-1]) + 1)


def _described(placed: Sequence[tuple[str, Mask]]) -> list[Drawn]:
    """Describe the objects: small or too hidden ones are difficult, those that reach the image's border truncated."""
    found = []
    for place, (shape, mask) in enumerate(placed):
        hidden = mask & np.any([np.zeros_like(mask), *(other for _, other in placed[place + 1 :])], axis=0)
        edges = edges_of(mask)
        is_small = min(edges.xmax - edges.xmin, edges.ymax - edges.ymin) + 1 < _LEAST_SIDE
        is_hidden = hidden.sum() > (1 - _LEAST_SEEN) * mask.sum()
        is_truncated = bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())
        found.append(Drawn(shape, edges, bool(is_small or is_hidden), is_truncated))
    return found
