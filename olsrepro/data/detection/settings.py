"""Settings of a detector's augmentation. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

from olsrepro.checks import check_choice, check_range, check_whole

CROP_SIDES = ("all", "released")
STRIDE = 32
"""Stride in pixels of a detector's coarsest map; the sides of its images are multiples of it."""


@dataclass(frozen=True)
class DetectionAugment:
    """Chances of changes to an image, in this order; then it is letter-boxed, and mixed with another.

    Args:
        flip: of being mirrored left to right.
        crop: of a cut on all four sides that takes no part of any object.
        translate: of a shift that leaves every object inside; what it uncovers is black.
        mixup: of being mixed with a second image, which is changed by draws of its own.
        mixup_alpha: of Beta(alpha, alpha), which the first image's share is drawn from.
        crop_sides: ``all`` four, or ``released``: the left and the upper one, as in the code that the paper's
            detector is based on (argusswift/YOLOv4-pytorch, ``RandomCrop``, which is meant to cut on all).
        sizes: sides in pixels that images are letter-boxed to, multiples of 32; all equally likely.
        size_every: number of steps with one size, before the next is drawn.
    """

    flip: float = 0.5
    crop: float = 0.5
    translate: float = 0.5
    mixup: float = 0.5
    mixup_alpha: float = 1.5
    sizes: tuple[int, ...] = (416,)
    size_every: int = 10
    crop_sides: str = "all"

    def __post_init__(self) -> None:
        for key in ("flip", "crop", "translate", "mixup"):
            check_range(key, getattr(self, key), 0, 1)
        check_choice("crop_sides", self.crop_sides, CROP_SIDES)
        if not self.mixup_alpha > 0:
            raise ValueError(f"mixup_alpha={self.mixup_alpha} must be above 0")
        check_whole("size_every", self.size_every, 1)
        if not self.sizes or any(size < STRIDE or size % STRIDE for size in self.sizes):
            raise ValueError(f"sizes={list(self.sizes)} must be multiples of {STRIDE}, at least one")
