"""Settings of the recipe: length of training, optimiser, schedule, augmentation, precision. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from olsrepro.checks import check_choice, check_range
from olsrepro.data.settings import AugmentSettings
from olsrepro.settings import Component, fact
from olsrepro.training.schedule import stepped_rate

PRECISIONS = ("fp32", "bf16")
REPLACED = ("lr", "milestones", "gamma", "momentum", "nesterov", "weight_decay")
"""Keys of a recipe that a method's own recipe replaces."""
TRAIN_ERRORS = ("running", "eval")
BATCH_NORMS = ("local", "sync", "frozen")


@dataclass(frozen=True)
class RecipeSettings(Component):
    """Optimiser, schedule, epochs, batch size, augmentation, precision. The defaults are the paper's for CIFAR.

    ``lr`` falls by ``gamma`` at the start of each 0-based epoch in ``milestones``. The training error is counted while
    steps train (``train_error=running``: batch statistics, augmented images), or at the epoch's end (``eval``).

    ``batch_norm`` takes its statistics from the images that one rank has in one pass (``local``), of all ranks
    (``sync``), or changes none (``frozen``). With ``ema_decay`` above 0 a running average of the weights is tested and
    kept. ``pretrained`` starts the backbone from published weights (true) or from a file (its path); ``start`` says
    which these are: a published name, or ``sha256:`` and the file's; composing a run fills it in. ``task`` names the
    task that the recipe is for.
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
    task: str = fact("classification")

    outside_id: ClassVar[frozenset[str]] = frozenset({"pretrained"})

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
            raise ValueError("ema_decay=1 would keep the initial weights for ever; set it below 1, for example 0.9999")
        _ = self.augment  # checks the values of that part
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov=true needs a momentum above 0; set nesterov=false")
        if list(self.milestones) != sorted(self.milestones) or any(m < 1 for m in self.milestones):
            raise ValueError(f"milestones={list(self.milestones)} must be epochs of at least 1 in rising order")

    @property
    def augment(self) -> AugmentSettings:
        """Part of the recipe that changes training images."""
        return AugmentSettings(**{item.name: getattr(self, item.name) for item in fields(AugmentSettings)})

    def rate_at(self, position: float) -> float:
        """Return the rate at a position in the training, in epochs: ``lr`` times ``gamma`` for each milestone reached.

        Source: paper V-A.
        """
        return stepped_rate(position, self.lr, self.gamma, self.milestones)

    def training_area(self, side: int) -> float:
        """Return the mean area of a training image in square pixels; ``side`` is the data set's."""
        return float(side**2)

    def identity(self) -> dict[str, Any]:
        """Return what a run id covers, as for every component; milestones that are never reached are left out."""
        return super().identity() | {"milestones": [m for m in self.milestones if m < self.epochs]}
