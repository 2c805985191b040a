"""Random numbers of photographs, each a function of (seed, purpose, epoch, view, sample index)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from olsrepro.randomness import address, integers, random_bits, uniform

ATTEMPTS = 10
AREA = (0.08, 1.0)
RATIO = (3 / 4, 4 / 3)
_ORDERS = 6  # of three changes of colour


@dataclass(frozen=True)
class DrawAddress:
    """Address of random numbers: one view of the samples in one epoch of a run. View 0 is a batch's own images."""

    seed: int
    epoch: int
    view: int = 0

    def key(self, purpose: str, *further: int) -> int:
        """Return the key of a purpose at this address, the same as for images in memory."""
        place = (self.epoch, self.view) if self.view else (self.epoch,)
        return address(self.seed, purpose, *place, *further)


class Fraction32(int):
    """A uniform number in [0, 1) in 32 bits, from which an integer is drawn once its range is known."""

    def below(self, count: int) -> int:
        """Return an integer in ``0 .. count - 1``, the same as :func:`olsrepro.randomness.integers`."""
        return (self * count) >> 32


def fractions(key: int, samples: Tensor) -> list[Fraction32]:
    """Draw a number for each sample (int64 (B,))."""
    upper = (random_bits(key, samples) >> 32) & 0xFFFFFFFF
    return [Fraction32(bits) for bits in upper.tolist()]


class Corner(NamedTuple):
    """Corner where a window begins, as fractions of the range of possible ones."""

    y: Fraction32
    x: Fraction32


def corners(at: DrawAddress, samples: Tensor) -> list[Corner]:
    """Draw the corner of each sample's random window."""
    drawn = (fractions(at.key(purpose), samples) for purpose in ("crop_y", "crop_x"))
    return [Corner(y, x) for y, x in zip(*drawn, strict=True)]


class Attempt(NamedTuple):
    """One try at a random part: uniform numbers of its area and of the logarithm of its ratio, and its corner."""

    area: float
    ratio: float
    y: Fraction32
    x: Fraction32


class Box(NamedTuple):
    """A part of an image in pixels."""

    top: int
    left: int
    height: int
    width: int


def attempts(at: DrawAddress, samples: Tensor) -> list[list[Attempt]]:
    """Draw ten tries at a random part for each sample (int64 (B,))."""
    return [list(of_sample) for of_sample in zip(*(_attempt(at, n, samples) for n in range(ATTEMPTS)), strict=True)]


def _attempt(at: DrawAddress, number: int, samples: Tensor) -> list[Attempt]:
    area, ratio = (uniform(at.key(purpose, number), samples).tolist() for purpose in ("part_area", "part_ratio"))
    y, x = (fractions(at.key(purpose, number), samples) for purpose in ("part_y", "part_x"))
    return [Attempt(*drawn) for drawn in zip(area, ratio, y, x, strict=True)]


def part_of(height: int, width: int, tries: list[Attempt]) -> Box:
    """Choose the random part of an image of (H, W), as torchvision's ``RandomResizedCrop`` does.

    Its area is uniform in 8 to 100 % of the image's, its ratio of width to height log-uniform in 3/4 to 4/3; the first
    try that fits is taken, and the middle of the image if none does.
    """
    low, high = math.log(RATIO[0]), math.log(RATIO[1])
    for attempt in tries:
        area = height * width * (AREA[0] + (AREA[1] - AREA[0]) * attempt.area)
        ratio = math.exp(low + (high - low) * attempt.ratio)
        part_width, part_height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < part_width <= width and 0 < part_height <= height:
            top, left = attempt.y.below(height - part_height + 1), attempt.x.below(width - part_width + 1)
            return Box(top, left, part_height, part_width)
    return _middle(height, width)


def _middle(height: int, width: int) -> Box:
    """Return the middle of the image, as much as a ratio in the allowed range holds."""
    part_height, part_width = height, width
    if width / height < RATIO[0]:
        part_height = round(width / RATIO[0])
    elif width / height > RATIO[1]:
        part_width = round(height * RATIO[1])
    return Box((height - part_height) // 2, (width - part_width) // 2, part_height, part_width)


def flips(at: DrawAddress, samples: Tensor) -> Tensor:
    """Draw which samples are mirrored, bool (B,)."""
    return integers(at.key("flip"), samples, 0, 2).bool()


def hole_centres(at: DrawAddress, samples: Tensor, side: int) -> Tensor:
    """Draw row and column of each CutOut hole's centre in images of ``side`` pixels, int64 (B, 2)."""
    return torch.stack([integers(at.key(f"cutout_{axis}"), samples, 0, side) for axis in "yx"], dim=1)


def jitter_factors(at: DrawAddress, samples: Tensor, amount: float) -> Tensor:
    """Draw factors of brightness, contrast and saturation, uniform in 1 +- ``amount``: float64 (B, 3)."""
    drawn = [uniform(at.key(purpose), samples) for purpose in ("brightness", "contrast", "saturation")]
    return 1 + amount * (2 * torch.stack(drawn, dim=1) - 1)


def jitter_orders(at: DrawAddress, samples: Tensor) -> Tensor:
    """Draw the order of the three changes, int64 (B,), 0 .. 5: an index into their permutations."""
    return integers(at.key("colour_order"), samples, 0, _ORDERS)


def light_amounts(at: DrawAddress, samples: Tensor, deviation: float) -> Tensor:
    """Draw normal numbers of this standard deviation for the three principal axes of colour: float64 (B, 3)."""
    drawn = torch.stack([uniform(at.key("light", axis), samples) for axis in range(3)], dim=1)
    normal: Tensor = torch.special.ndtri(drawn + 2.0**-54)  # the middle of each step of 2^-53: never 0
    return deviation * normal
