"""Settings of the recipe (what is trained how long) and of the runtime (how and where). No torch here."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from olsrepro.data.settings import AugmentSettings
from olsrepro.evaluation.ensemble_epochs import GRIDS
from olsrepro.settings import Component, check_choice, check_range

PRECISIONS = ("fp32", "bf16")
REPLACED = ("lr", "milestones", "gamma", "momentum", "nesterov", "weight_decay")
"""What of a recipe a method's own recipe replaces."""
TRAIN_ERRORS = ("running", "eval")
DEVICES = ("auto", "cpu", "cuda")
KEEPS = ("sums", "grid")


@dataclass(frozen=True)
class RecipeSettings(Component):
    """Optimiser, schedule, epochs, batch size, augmentation, precision. The defaults are the paper's for CIFAR.

    ``lr`` falls by ``gamma`` at the start of each 0-based epoch in ``milestones``. The training error is counted while
    steps train (``train_error=running``: batch statistics, augmented images), or at the epoch's end (``eval``).
    """

    epochs: int = 300
    batch_size: int = 128
    lr: float = 0.1
    milestones: list[int] = field(default_factory=lambda: [150, 225])
    gamma: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    padding: int = 4
    flip: bool = True
    cutout: int = 0
    precision: str = "fp32"
    train_error: str = "running"

    labels: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        check_range("epochs", self.epochs, 1)
        check_range("batch_size", self.batch_size, 1)
        for key in ("lr", "gamma", "weight_decay", "padding", "cutout"):
            check_range(key, getattr(self, key), 0)
        check_range("momentum", self.momentum, 0, 1)
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("train_error", self.train_error, TRAIN_ERRORS)
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov=true needs a momentum above 0; set nesterov=false")
        if list(self.milestones) != sorted(self.milestones) or any(m < 1 for m in self.milestones):
            raise ValueError(f"milestones={list(self.milestones)} must be epochs of at least 1 in rising order")

    @property
    def augment(self) -> AugmentSettings:
        """The part of the recipe that changes training images."""
        return AugmentSettings(self.padding, self.flip, self.cutout)

    def identity(self) -> dict[str, Any]:
        """As for every component; milestones that are never reached change nothing."""
        return super().identity() | {"milestones": [m for m in self.milestones if m < self.epochs]}


def scaled_milestones(milestones: Sequence[int], epochs: int, of: int) -> list[int]:
    """Milestones of a recipe of ``of`` epochs in one of ``epochs``: floor(m · epochs / of), but at least 1."""
    return [max(1, m * epochs // of) for m in milestones]


@dataclass(frozen=True)
class RuntimeSettings:
    """How and where a run is executed; none of it changes what is trained, all of it is kept as provenance.

    For ensembles over its epochs (Table III) a run keeps sums of test probabilities for each number of models in
    ``ensemble_sizes``, over the epochs that ``ensemble_grid`` takes; with ``keep=grid`` their weights as well.
    """

    device: str = "auto"
    threads: int | None = None
    deterministic: bool = True
    channels_last: bool = False
    compile: bool = False
    checkpoint_minutes: float = 5.0
    checkpoint_steps: int | None = None
    ensemble_sizes: list[int] = field(default_factory=list)
    ensemble_grid: str = "grid_end"
    keep: str = "sums"
    tensorboard: bool = True
    data_dir: str = "data"
    runs_dir: str = "runs"

    def __post_init__(self) -> None:
        check_choice("device", self.device.partition(":")[0], DEVICES)
        if ":" in self.device and not re.fullmatch(r"cuda:\d+", self.device):
            raise ValueError(f"device={self.device} is not understood; only cuda takes a number, as in cuda:1")
        if self.threads is not None:
            check_range("threads", self.threads, 1)
        if self.checkpoint_steps is not None:
            check_range("checkpoint_steps", self.checkpoint_steps, 1)
        if not self.checkpoint_minutes > 0 or math.isinf(self.checkpoint_minutes):
            raise ValueError(f"checkpoint_minutes={self.checkpoint_minutes:g} must be a positive number of minutes")
        for size in self.ensemble_sizes:
            check_range("ensemble_sizes", size, 1)
        check_choice("ensemble_grid", self.ensemble_grid, GRIDS)
        check_choice("keep", self.keep, KEEPS)
