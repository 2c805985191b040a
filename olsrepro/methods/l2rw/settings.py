"""Settings of Learning to Reweight (Ren et al., ICML 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from olsrepro.checks import check_choice, check_range
from olsrepro.data.settings import DatasetSettings
from olsrepro.methods.meta_settings import MetaSettings, check_size, falling_rates
from olsrepro.methods.settings import CleanSet, MethodSettings, OwnRecipe, RunContext

WEIGHT_NORMS = ("sum_clamped", "none")
BN_STATS = ("batch", "batch_unscaled")


@dataclass(frozen=True)
class Settings(MetaSettings):
    """Weighting of each step's samples by how well their gradients agree with a clean batch's.

    Args:
        clean_batch: number of clean images with each batch; None: as many as the batch has.
        weight_norm: clamped products are divided by their sum (``sum_clamped``), or multiplied by the learning rate
            (``none``), the paper's weights before normalisation.
        clean_loss_decay: the clean loss has an L2 penalty too.
        clean_decay: λ of that penalty.
        bn_stats: batch normalisation in the meta passes: as in training, by the batch's statistics (``batch``), or
            without the learned scale (``batch_unscaled``); running statistics are never changed.
        finetune_steps: number of last steps of the run that train on clean batches alone, unweighted; none of them
            falls into the first epoch.
    """

    OWN_DROPS: ClassVar[tuple[int, ...]] = (150, 225)
    OWN_EPOCHS: ClassVar[int] = 300

    passes: ClassVar[float] = 3.0
    follow_run: ClassVar[tuple[str, ...]] = ("clean_batch",)

    name: str = "l2rw"
    clean_batch: int | None = None
    weight_norm: str = "sum_clamped"
    clean_loss_decay: bool = False
    clean_decay: float = 2e-4
    bn_stats: str = "batch"
    finetune_steps: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("clean_batch", self.clean_batch)
        check_choice("weight_norm", self.weight_norm, WEIGHT_NORMS)
        check_range("clean_decay", self.clean_decay, 0)
        check_choice("bn_stats", self.bn_stats, BN_STATS)
        check_range("finetune_steps", self.finetune_steps, 0)

    def in_force(self, context: RunContext) -> Settings:
        """Return the settings with the number of clean images that come with each batch of this run."""
        return replace(self, clean_batch=self.clean_batch or context.batch_size)

    def clean_set(self) -> CleanSet:
        """Return the clean set by which the sample weights are computed."""
        return self.clean_part(self.clean_batch)

    def own_recipe(self, epochs: int) -> OwnRecipe | None:
        """Return the official optimiser, its drops at a half and three quarters of the run, for ``own``."""
        if self.schedule == "common":
            return None
        return OwnRecipe(falling_rates(0.1, self.OWN_DROPS, self.OWN_EPOCHS, epochs), 0.9, False, 2e-4)

    def check_run(self, dataset: DatasetSettings, epochs: int, milestones: Sequence[int]) -> None:
        """Refuse what every clean set refuses, and fine-tuning in a run of one epoch (:class:`ValueError`)."""
        super().check_run(dataset, epochs, milestones)
        if self.finetune_steps and epochs < 2:
            raise ValueError(
                f"method.finetune_steps={self.finetune_steps} must be 0 with recipe.epochs={epochs}: fine-tuning"
                " follows an epoch of training"
            )

    def identity(self) -> dict[str, Any]:
        """Return all switches; a ``clean_decay`` that is not applied has its default."""
        resolved = self if self.clean_loss_decay else replace(self, clean_decay=Settings.clean_decay)
        return MethodSettings.identity(resolved)
