"""Settings of the recipe (what is trained how long) and of the runtime (how and where). No torch here."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from olsrepro.data.settings import AugmentSettings
from olsrepro.evaluation.ensemble_epochs import GRIDS
from olsrepro.settings import Component, check_choice, check_range

PRECISIONS = ("fp32", "bf16")
REPLACED = ("lr", "milestones", "gamma", "momentum", "nesterov", "weight_decay")
"""What of a recipe a method's own recipe replaces."""
TRAIN_ERRORS = ("running", "eval")
BATCH_NORMS = ("local", "sync", "frozen")
DEVICES = ("auto", "cpu", "cuda")
KEEPS = ("sums", "grid")


@dataclass(frozen=True)
class RecipeSettings(Component):
    """Optimiser, schedule, epochs, batch size, augmentation, precision. The defaults are the paper's for CIFAR.

    ``lr`` falls by ``gamma`` at the start of each 0-based epoch in ``milestones``. The training error is counted while
    steps train (``train_error=running``: batch statistics, augmented images), or at the epoch's end (``eval``).

    ``batch_norm`` takes its statistics from the images that one rank has in one pass (``local``), of all ranks
    (``sync``), or changes none (``frozen``). With ``ema_decay`` above 0 a running average of the weights is tested and
    kept. ``pretrained`` starts the backbone from published weights (true) or from a file (its path); ``start`` says
    which these are: a published name, or ``sha256:`` and the file's; composing a run fills it in.
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
    crop: str = "pad"
    colour_jitter: float = 0.0
    light_noise: float = 0.0
    precision: str = "fp32"
    train_error: str = "running"
    batch_norm: str = "local"
    ema_decay: float = 0.0
    pretrained: bool | str = False
    start: str | None = None

    outside_id: ClassVar[frozenset[str]] = frozenset({"pretrained"})
    task: ClassVar[str] = "classification"

    def __post_init__(self) -> None:
        check_range("epochs", self.epochs, 1)
        check_range("batch_size", self.batch_size, 1)
        for key in ("lr", "gamma", "weight_decay"):
            check_range(key, getattr(self, key), 0)
        check_range("momentum", self.momentum, 0, 1)
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("train_error", self.train_error, TRAIN_ERRORS)
        check_choice("batch_norm", self.batch_norm, BATCH_NORMS)
        check_range("ema_decay", self.ema_decay, 0, 1)
        if self.ema_decay == 1:
            raise ValueError("ema_decay=1 would keep the initial weights for ever; set it below 1, such as 0.9999")
        _ = self.augment  # checks its part
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov=true needs a momentum above 0; set nesterov=false")
        if list(self.milestones) != sorted(self.milestones) or any(m < 1 for m in self.milestones):
            raise ValueError(f"milestones={list(self.milestones)} must be epochs of at least 1 in rising order")

    @property
    def augment(self) -> AugmentSettings:
        """The part of the recipe that changes training images."""
        return AugmentSettings(**{item.name: getattr(self, item.name) for item in fields(AugmentSettings)})

    def rate_at(self, position: float) -> float:
        """The rate at a place in the training, in epochs: ``lr`` times ``gamma`` for each milestone that is reached.

        Source: paper V-A.
        """
        return float(self.lr * self.gamma ** bisect_right(self.milestones, position))

    def training_area(self, side: int) -> float:
        """Pixels of a training image, in the mean; ``side`` is the data set's."""
        return float(side**2)

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

    A step's batch is split among the ranks and, with ``accumulate``, on each rank into so many passes one after
    another; a rank waits ``rank_timeout_s`` seconds for the others in a step. Photographs are read by ``workers``
    processes a rank (None: as many as there are cores for it). With ``pixel_cache`` those whose first transform is the
    same in every epoch are kept resized in ``cache_dir`` (None: the folder ``cache`` of ``data_dir``), where it is also
    remembered which can be decoded.
    """

    device: str = "auto"
    threads: int | None = None
    deterministic: bool = True
    channels_last: bool = False
    compile: bool = False
    accumulate: int = 1
    workers: int | None = None
    pixel_cache: bool = False
    cache_dir: str | None = None
    rank_timeout_s: float = 60.0
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
        check_range("accumulate", self.accumulate, 1)
        if self.workers is not None:
            check_range("workers", self.workers, 0)
        check_range("rank_timeout_s", self.rank_timeout_s, 1)
        if self.checkpoint_steps is not None:
            check_range("checkpoint_steps", self.checkpoint_steps, 1)
        if not self.checkpoint_minutes > 0 or math.isinf(self.checkpoint_minutes):
            raise ValueError(f"checkpoint_minutes={self.checkpoint_minutes:g} must be a positive number of minutes")
        for size in self.ensemble_sizes:
            check_range("ensemble_sizes", size, 1)
        check_choice("ensemble_grid", self.ensemble_grid, GRIDS)
        check_choice("keep", self.keep, KEEPS)
