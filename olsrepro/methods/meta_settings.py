"""Base of the settings of methods that weight samples by a meta-gradient on a clean set (no torch here)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from olsrepro.checks import check_choice, check_range
from olsrepro.data.settings import DatasetSettings
from olsrepro.methods.settings import CleanSet, MethodSettings

BALANCES = ("per_class", "random")
ROUTES = ("jvp", "graph")
SCHEDULES = ("common", "own")
CIFAR_SIZE = 1000
SHARE = 50


@dataclass(frozen=True)
class MetaSettings(MethodSettings):
    """Settings of a clean set, a meta-gradient and a schedule.

    Args:
        clean_size: number of clean images, of all classes together; None: a fiftieth of the training images and at
            least one of each class, 1000 on both CIFARs.
        clean_balance: ``per_class``, equally many of each class, or a ``random`` draw from all.
        clean_in_training: steps train on the clean images too, with their true labels.
        meta_gradient: ``jvp``, one pass in forward mode, or ``graph``, a look-ahead in the graph; equal except for
            rounding.
        schedule: the recipe's (``common``), or the method's ``own`` optimiser and drops.
    """

    takes_meta_gradient: ClassVar[bool] = True
    clean_size: int | None = None
    clean_balance: str = "per_class"
    clean_in_training: bool = False
    meta_gradient: str = "jvp"
    schedule: str = "common"

    def __post_init__(self) -> None:
        check_size("clean_size", self.clean_size)
        check_choice("clean_balance", self.clean_balance, BALANCES)
        check_choice("meta_gradient", self.meta_gradient, ROUTES)
        check_choice("schedule", self.schedule, SCHEDULES)

    @property
    def splits_steps(self) -> bool:
        """False: the weights of samples depend on the whole step."""
        return False

    def resolved_for(self, dataset: DatasetSettings) -> MethodSettings:
        """Return the settings with the size of the clean set filled in."""
        if self.clean_size is not None:
            return self
        each = max(1, dataset.train_size // SHARE // dataset.num_classes)
        return replace(self, clean_size=each * dataset.num_classes)

    def clean_part(self, batch_size: int | None) -> CleanSet:
        """Return the clean set, with ``batch_size`` of its images in each batch."""
        return CleanSet(
            self.clean_size or CIFAR_SIZE, self.clean_balance == "per_class", batch_size, self.clean_in_training
        )

    def check_run(self, dataset: DatasetSettings, epochs: int, milestones: Sequence[int]) -> None:
        """Refuse a clean set that the data set can't give or that leaves nothing to train on (:class:`ValueError`)."""
        size, classes = self.clean_size or CIFAR_SIZE, dataset.num_classes
        balanced = self.clean_balance == "per_class"
        if balanced and size % classes:
            below = size // classes * classes
            raise ValueError(
                f"method.clean_size={size} must be a multiple of the {classes} classes of dataset={dataset.name}, as"
                f" many images of each: set {f'{below} or ' if below else ''}{below + classes}"
            )
        most = dataset.train_size if self.clean_in_training else dataset.train_size - 1
        if balanced:
            most = most // classes * classes
        if size > most:
            raise ValueError(
                f"method.clean_size={size} must be at most {most} with dataset={dataset.name}, which has"
                f" {dataset.train_size} training images in {classes} classes"
            )


def falling_rates(rate: float, drops: Sequence[int], of: int, epochs: int) -> tuple[float, ...]:
    """Return each epoch's learning rate, a tenth from each drop on; drops are given for a run of ``of`` epochs."""
    reached = [max(1, drop * epochs // of) for drop in drops]
    return tuple(rate * 0.1 ** sum(epoch >= drop for drop in reached) for epoch in range(epochs))


def check_size(key: str, size: int | None) -> None:
    """Refuse a number of images below 1 (:class:`ValueError`)."""
    if size is not None:
        check_range(key, size, 1)
