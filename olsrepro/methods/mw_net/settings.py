"""Settings of Meta-Weight-Net (Shu et al., NeurIPS 2019)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from olsrepro.checks import check_choice, check_range
from olsrepro.methods.meta_settings import MetaSettings, check_size, falling_rates
from olsrepro.methods.settings import CleanSet, OwnRecipe, RunContext

META_OPTIMIZERS = ("adam", "sgd")
WEIGHT_NORMS = ("none", "sum")
INNER_STEPS = ("sgd", "optimizer")


@dataclass(frozen=True)
class Settings(MetaSettings):
    """Weighting of samples by a small network that maps a sample's loss to its weight and learns from a clean set.

    Args:
        hidden: units of its hidden layer.
        meta_optimizer: optimiser that trains it: ``adam``, or ``sgd`` with Nesterov momentum 0.9.
        meta_lr, meta_wd: learning rate and L2 weight decay of that optimiser.
        weight_norm: the mean of weight times loss (``none``), or weights divided by their sum (``sum``).
        inner_step: the look-ahead uses the gradient alone (``sgd``), or momentum and weight decay too
            (``optimizer``), which are known for the method's own schedule.
        meta_batch: number of clean images with each batch; None: as many as the batch has.
        meta_interval: number of steps of the network per step of the small one.
    """

    OWN_DROPS: ClassVar[tuple[int, ...]] = (200, 250)
    OWN_EPOCHS: ClassVar[int] = 300
    OWN_MOMENTUM: ClassVar[float] = 0.9
    OWN_DECAY: ClassVar[float] = 5e-4

    passes: ClassVar[float] = 3.0
    follow_run: ClassVar[tuple[str, ...]] = ("meta_batch",)

    name: str = "mw_net"
    hidden: int = 100
    meta_optimizer: str = "adam"
    meta_lr: float = 1e-3
    meta_wd: float = 1e-4
    weight_norm: str = "none"
    inner_step: str = "sgd"
    meta_batch: int | None = None
    meta_interval: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("hidden", self.hidden, 1)
        check_choice("meta_optimizer", self.meta_optimizer, META_OPTIMIZERS)
        check_range("meta_lr", self.meta_lr, 0)
        check_range("meta_wd", self.meta_wd, 0)
        check_choice("weight_norm", self.weight_norm, WEIGHT_NORMS)
        check_choice("inner_step", self.inner_step, INNER_STEPS)
        check_size("meta_batch", self.meta_batch)
        check_range("meta_interval", self.meta_interval, 1)
        if self.inner_step == "optimizer" and self.schedule == "common":
            raise ValueError(
                "inner_step=optimizer must be sgd with schedule=common, whose momentum and weight decay the look-ahead"
                " does not know; set schedule=own"
            )

    def in_force(self, context: RunContext) -> Settings:
        """Return the settings with the number of clean images that come with each batch of this run."""
        return replace(self, meta_batch=self.meta_batch or context.batch_size)

    def clean_set(self) -> CleanSet:
        """Return the clean set that the small network learns from."""
        return self.clean_part(self.meta_batch)

    def own_recipe(self, epochs: int) -> OwnRecipe | None:
        """Return the stable script's optimiser, its drops at two thirds and five sixths of the run, for ``own``."""
        if self.schedule == "common":
            return None
        rates = falling_rates(0.1, self.OWN_DROPS, self.OWN_EPOCHS, epochs)
        return OwnRecipe(rates, self.OWN_MOMENTUM, False, self.OWN_DECAY)
