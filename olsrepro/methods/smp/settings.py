"""Settings of deep self-learning with multiple prototypes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from olsrepro.checks import check_range
from olsrepro.data.settings import DatasetSettings
from olsrepro.methods.settings import MethodSettings, RunContext


@dataclass(frozen=True)
class Settings(MethodSettings):
    """Second label by prototypes (Han, Luo and Wang, ICCV 2019), recomputed at the end of each epoch.

    Args:
        num_prototypes: number of prototypes of each class.
        samples_per_class: samples with its given label that a class's prototypes are chosen from; None: all.
        alpha: weight of the corrected label; the given one has ``1 - alpha``.
        s_c_quantile: position of the density's threshold among a class's cosines in ascending order.
        eta_threshold: upper limit of a prototype's cosine with every denser sample.
        start_epoch: share of the epochs before corrected labels are learnt; None: until the recipe's first drop.
        diagonal: whether a sample's cosine with itself counts in threshold and density.
    """

    needs_sample_index: ClassVar[bool] = True
    follow_run: ClassVar[tuple[str, ...]] = ("start_epoch",)

    passes: ClassVar[float] = 1.5

    name: str = "smp"
    num_prototypes: int = 8
    samples_per_class: int | None = None
    alpha: float = 0.5
    s_c_quantile: float = 0.4
    eta_threshold: float = 0.95
    start_epoch: float | None = None
    diagonal: bool = True

    def __post_init__(self) -> None:
        check_range("num_prototypes", self.num_prototypes, 1)
        if self.samples_per_class is not None and self.samples_per_class < self.num_prototypes:
            raise ValueError(
                f"samples_per_class={self.samples_per_class} must be at least num_prototypes={self.num_prototypes},"
                " or null for all"
            )
        check_range("alpha", self.alpha, 0, 1)
        check_range("s_c_quantile", self.s_c_quantile, 0, 1)
        check_range("eta_threshold", self.eta_threshold, -1, 1)
        if self.start_epoch is not None and not 0 <= self.start_epoch <= 1:
            raise ValueError(f"start_epoch={self.start_epoch:g} must be a share of the epochs in [0, 1], such as 0.5")

    def first_epoch(self, epochs: int, milestones: Sequence[int]) -> int:
        """Return the 0-based epoch from which corrected labels are learnt, at least 1; ``epochs`` or more: never."""
        if self.start_epoch is not None:
            return max(1, round(self.start_epoch * epochs))
        return milestones[0] if milestones else epochs

    def in_force(self, context: RunContext) -> Settings:
        """Return the settings with the share of this run's epochs at which its first drop comes."""
        if self.start_epoch is not None:
            return self
        return replace(self, start_epoch=self.first_epoch(context.epochs, context.milestones) / context.epochs)

    def check_run(self, dataset: DatasetSettings, epochs: int, milestones: Sequence[int]) -> None:
        """Refuse epochs and drops that leave no epoch for corrected labels (:class:`ValueError`)."""
        if self.first_epoch(epochs, milestones) < epochs:
            return
        if self.start_epoch is None:
            raise ValueError(
                f"recipe.milestones={list(milestones)} must have a drop in the {epochs} epochs, where the corrected"
                " labels of method=smp set in: set method.start_epoch, a share of the epochs such as 0.5"
            )
        raise ValueError(
            f"method.start_epoch={self.start_epoch:g} leaves none of the {epochs} epochs to corrected labels: lower it,"
            " or set more recipe.epochs"
        )
