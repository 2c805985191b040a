"""Random changes to a detector's images, each a function of (seed, purpose, epoch, view, sample index)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from olsrepro.data.detection.settings import DetectionAugment
from olsrepro.data.photos.draws import DrawAddress
from olsrepro.randomness import uniform

OWN, SECOND = 0, 1
"""Views that draws are addressed by: the sample's own image, and the one that is mixed in."""


class Change(NamedTuple):
    """Change to one image, in uniform numbers in [0, 1).

    Attributes:
        is_mirrored: whether it is flipped.
        cuts: of left, top, right, bottom: how much of the margin beside all objects is cut off; None: no crop.
        shift: in x and y: where between the two ends of its range it is moved to; None: no translation.
    """

    is_mirrored: bool = False
    cuts: tuple[float, float, float, float] | None = None
    shift: tuple[float, float] | None = None


def changes(augment: DetectionAugment, address: DrawAddress, samples: Tensor) -> list[Change]:
    """Draw the change to each sample (int64 (B,))."""

    def happens(purpose: str, chance: float) -> list[bool]:
        return (uniform(address.key(purpose), samples) < chance).tolist()

    def drawn(*purposes: str) -> list[list[float]]:
        return torch.stack([uniform(address.key(purpose), samples) for purpose in purposes], dim=1).tolist()

    cuts = drawn("cut_left", "cut_top", "cut_right", "cut_bottom")
    if augment.crop_sides == "released":
        cuts = [[left, top, 0.0, 0.0] for left, top, _, _ in cuts]
    shifts = drawn("shift_x", "shift_y")
    chosen = (happens("flip", augment.flip), happens("crop", augment.crop), happens("translate", augment.translate))
    return [
        Change(is_mirrored, _four(cut) if is_cut else None, _two(shift) if is_moved else None)
        for is_mirrored, is_cut, is_moved, cut, shift in zip(*chosen, cuts, shifts, strict=True)
    ]


def _four(values: list[float]) -> tuple[float, float, float, float]:
    left, top, right, bottom = values
    return left, top, right, bottom


def _two(values: list[float]) -> tuple[float, float]:
    x, y = values
    return x, y
