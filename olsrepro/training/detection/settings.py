"""The recipe of object detection (Table X). No torch here."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field, fields
from typing import ClassVar

from olsrepro.checks import check_choice, check_range
from olsrepro.data.detection.settings import CROP_SIDES, STRIDE
from olsrepro.training.recipe import RecipeSettings
from olsrepro.training.schedule import cosine_rate

STEP_COUNTERS = ("whole", "released")
RELEASED_BATCH = 8  # our guess of the batch size that the paper's detector was trained with

KEPT = 100
"""Boxes of an image, of the highest scores, that a run keeps of its test."""


@dataclass(frozen=True)
class DetectionRecipe(RecipeSettings):
    """Warm-up and cosine per step, multi-scale training, mix-up; see also :class:`RecipeSettings`.

    Args:
        final_lr: that the cosine ends at.
        warmup_epochs: epochs in which the rate rises from 0 in a line.
        crop_chance, translate_chance: of a training image.
        mixup: chance that a second image is mixed in, by a share of Beta(``mixup_alpha``, ``mixup_alpha``).
        sizes: sides in pixels of training images, of which each ``size_every`` steps draw one; empty: the data set's.
        loss_scale: what the mean loss of an image is multiplied by.
        step_counter: ``whole``, or ``released``: as the released code counts steps for the rate, of which those of
            earlier epochs are divided by its batch size, so that the rate hardly decays.
        crop_sides: ``all``, or ``released``: as the released code crops, on the left and above only.
    """

    task: ClassVar[str] = "detection"

    padding: int = 0
    milestones: list[int] = field(default_factory=list)
    final_lr: float = 1e-6
    warmup_epochs: float = 2.0
    crop_chance: float = 0.5
    translate_chance: float = 0.5
    mixup: float = 0.5
    mixup_alpha: float = 1.5
    sizes: list[int] = field(default_factory=list)
    size_every: int = 10
    loss_scale: float = 1.0
    step_counter: str = "whole"
    crop_sides: str = "all"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("final_lr", self.final_lr, 0)
        check_range("warmup_epochs", self.warmup_epochs, 0)
        for key in ("crop_chance", "translate_chance", "mixup"):
            check_range(key, getattr(self, key), 0, 1)
        check_range("size_every", self.size_every, 1)
        check_choice("step_counter", self.step_counter, STEP_COUNTERS)
        check_choice("crop_sides", self.crop_sides, CROP_SIDES)
        for key in ("mixup_alpha", "loss_scale"):
            if not getattr(self, key) > 0:
                raise ValueError(f"{key}={getattr(self, key):g} must be above 0")
        for size in self.sizes:
            if size < STRIDE or size % STRIDE:
                raise ValueError(f"sizes={list(self.sizes)} must be multiples of {STRIDE} pixels")
        self._refuse_idle_keys()

    def _refuse_idle_keys(self) -> None:
        for key in ("padding", "cutout", "colour_jitter", "light_noise"):
            if getattr(self, key):
                raise ValueError(f"{key}={getattr(self, key):g} has no effect on a detector's images; set {key}=0")
        if self.milestones:
            raise ValueError(f"milestones={list(self.milestones)} has no effect: the rate follows a cosine; set []")
        if self.train_error != "running":
            raise ValueError(f"train_error={self.train_error} has no effect: a detector has no training error")

    def training_area(self, side: int) -> float:
        """Over the sizes, which are equally likely."""
        sizes = self.sizes or [side]
        return sum(size**2 for size in sizes) / len(sizes)

    def rate_at(self, position: float) -> float:
        """The rate at a place in the training, in epochs: a line up to ``lr``, then half a cosine down to the end."""
        if self.step_counter == "released":
            position = position % 1 + position // 1 / RELEASED_BATCH
        return cosine_rate(position, self.lr, self.final_lr, warmup=self.warmup_epochs, epochs=self.epochs)


def recipe_class(keys: Container[str]) -> type[RecipeSettings]:
    """The settings class of a recipe with such keys: only a detector's has :class:`DetectionRecipe`'s own."""
    own = {item.name for item in fields(DetectionRecipe)} - {item.name for item in fields(RecipeSettings)}
    return DetectionRecipe if any(name in keys for name in own) else RecipeSettings
