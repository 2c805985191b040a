"""Settings of Arazo et al. (ICML 2019): a beta mixture of losses, dynamic bootstrapping, mixup."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from olsrepro.checks import check_choice, check_range
from olsrepro.data.settings import DatasetSettings
from olsrepro.methods.arazo.phases import Phases, guided_phases, static_phases
from olsrepro.methods.settings import MethodSettings, OwnRecipe, RunContext

VARIANTS = ("m_dyr_h", "m_dyr_s", "md_dyr_sh")
SCHEDULES = ("common", "own")
EXTRA_FORWARDS = ("official", "single_eval")
WARM_UP_ALPHA = 32.0

_GUIDED = "md_dyr_sh"
_OWN_EPOCHS, _OWN_DROPS = 300, (99, 249)  # the authors step the schedule before their epoch 1, so 100 is its epoch 99
_WAIT, _OWN_WAIT = 5, 6  # epochs of 300 from the first drop to the end of the warm-up
_STARTS = ("bootstrap_start", "md_guided_start", "md_bootstrap_start")
_MD_KEYS = ("md_guided_start", "md_bootstrap_start", "md_temperature_epochs")


@dataclass(frozen=True)
class Settings(MethodSettings):
    """Mixup as warm-up; then each label is trusted according to a mixture fitted to the previous epoch's losses.

    Stages left at None begin relative to the first drop of the learning rate.

    Version 2: ``m_dyr_s`` evaluates the images before the mixed pass, and ``own`` drops the rate an epoch earlier.

    Args:
        variant: replacement for labels that are likely wrong: ``m_dyr_h``, the classes that the network predicts;
            ``m_dyr_s``, its probabilities; ``md_dyr_sh``, its probabilities, increasingly sharp, with images mixed
            according to how clean their labels are.
        schedule: the recipe's (``common``), or the authors' ``own`` optimiser and drops.
        mixup_alpha: alpha of the mixing weight's distribution Beta(alpha, alpha) after the warm-up, which uses 32.
        reg_weight: weight of the divergence between the uniform distribution and the mean prediction.
        bootstrap_start: 0-based epoch that ends the warm-up.
        md_guided_start, md_bootstrap_start: for ``md_dyr_sh``, the 0-based epochs in which guided mixup begins, and
            in which bootstrapping is added.
        md_temperature_epochs: for ``md_dyr_sh``, epochs in which the temperature falls from 1 to 0.001.
        em_iters: iterations of a fit.
        percentiles: in percent; losses outside them don't enter a fit.
        lookup_bins: points of the posterior's table.
        track_augment: losses are tracked on the epoch's augmented images.
        extra_forward: a step's passes of the unmixed images: one in training mode for the network's guess and one in
            evaluation mode for the loss (``official``), or the latter for both (``single_eval``).
    """

    version: ClassVar[int] = 2
    needs_sample_index: ClassVar[bool] = True
    follow_run: ClassVar[tuple[str, ...]] = ("bootstrap_start", *_MD_KEYS)

    passes: ClassVar[float] = 4 / 3

    name: str = "arazo"
    variant: str = "m_dyr_h"
    schedule: str = "common"
    mixup_alpha: float = WARM_UP_ALPHA
    reg_weight: float = 1.0
    bootstrap_start: int | None = None
    md_guided_start: int | None = None
    md_bootstrap_start: int | None = None
    md_temperature_epochs: int | None = None
    em_iters: int = 10
    percentiles: list[float] = field(default_factory=lambda: [5.0, 95.0])
    lookup_bins: int = 100
    track_augment: bool = True
    extra_forward: str = "official"

    def __post_init__(self) -> None:
        check_choice("variant", self.variant, VARIANTS)
        check_choice("schedule", self.schedule, SCHEDULES)
        check_choice("extra_forward", self.extra_forward, EXTRA_FORWARDS)
        check_range("mixup_alpha", self.mixup_alpha, 1e-3)
        check_range("reg_weight", self.reg_weight, 0)
        check_range("em_iters", self.em_iters, 1)
        check_range("lookup_bins", self.lookup_bins, 2)
        for key in (*_STARTS, "md_temperature_epochs"):
            if (value := getattr(self, key)) is not None:
                check_range(key, value, 1)
        self._check_percentiles()
        self._check_variant()

    @property
    def splits_steps(self) -> bool:
        """False: the images of a batch are mixed with one another."""
        return False

    def _check_percentiles(self) -> None:
        shares = list(self.percentiles)
        if len(shares) != 2 or not 0 <= shares[0] < shares[1] <= 100:
            raise ValueError(f"percentiles={shares} must be two rising numbers in [0, 100], as in [5,95]")

    def _check_variant(self) -> None:
        """Refuse a switch that the variant doesn't use."""
        guided = self.variant == _GUIDED
        for key in ("bootstrap_start",) if guided else _MD_KEYS:
            if (value := getattr(self, key)) is not None:
                use = "md_guided_start and md_bootstrap_start" if guided else f"variant={_GUIDED}"
                raise ValueError(f"{key}={value} has no effect with variant={self.variant}; use {use}")
        if guided and self.mixup_alpha != WARM_UP_ALPHA:
            raise ValueError(
                f"mixup_alpha={self.mixup_alpha:g} has no effect with variant={_GUIDED}, whose weights follow from the"
                " mixture; use variant=m_dyr_h or m_dyr_s"
            )

    @property
    def is_guided(self) -> bool:
        """Whether images are mixed according to how clean their labels are."""
        return self.variant == _GUIDED

    def drops(self, epochs: int, milestones: Sequence[int]) -> list[int]:
        """Return the 0-based epochs below ``epochs`` with a drop of the learning rate; ``milestones``: the recipe's."""
        if self.schedule == "own":
            return [max(1, drop * epochs // _OWN_EPOCHS) for drop in _OWN_DROPS]
        return [drop for drop in milestones if drop < epochs]

    def own_recipe(self, epochs: int) -> OwnRecipe | None:
        """Return the authors' optimiser and schedule, scaled to the epochs, for ``schedule=own``."""
        if self.schedule == "common":
            return None
        drops = self.drops(epochs, ())
        rates = tuple(0.1 * 0.1 ** bisect_right(drops, epoch) for epoch in range(epochs))
        return OwnRecipe(rates, momentum=0.9, nesterov=False, weight_decay=1e-4)

    def phases(self, epochs: int, milestones: Sequence[int]) -> Phases:
        """Return the stages of a run; one that :meth:`check_run` refuses may have stages that it never reaches."""
        drop = next(iter(self.drops(epochs, milestones)), epochs)
        wait = _OWN_WAIT if self.schedule == "own" else _WAIT
        if not self.is_guided:
            return static_phases(epochs, drop, wait, self.bootstrap_start)
        typed = (self.md_guided_start, self.md_bootstrap_start, self.md_temperature_epochs)
        return guided_phases(epochs, drop, wait, *typed)

    def in_force(self, context: RunContext) -> Settings:
        """Return the settings with the epochs in which the variant's stages begin in this run."""
        phases = self.phases(context.epochs, context.milestones)
        if not self.is_guided:
            return replace(self, bootstrap_start=phases.start)
        return replace(
            self,
            md_guided_start=phases.start,
            md_bootstrap_start=phases.bootstrap,
            md_temperature_epochs=phases.temperature_epochs,
        )

    def check_run(self, dataset: DatasetSettings, epochs: int, milestones: Sequence[int]) -> None:
        """Refuse too few epochs for the stages, and stages whose beginning isn't given (:class:`ValueError`)."""
        stages = 3 if self.is_guided else 2
        if epochs < stages:
            raise ValueError(
                f"recipe.epochs={epochs} must be at least {stages} with method=arazo, whose {stages} stages take an"
                " epoch each"
            )
        key = "md_guided_start" if self.is_guided else "bootstrap_start"
        if getattr(self, key) is None and not self.drops(epochs, milestones):
            raise ValueError(
                f"method.{key}=null follows the first drop of the learning rate, and recipe.milestones="
                f"{list(milestones)} has none below recipe.epochs={epochs}: set it to an epoch from 1 to {epochs - 1}"
            )
        self._check_phases(self.phases(epochs, milestones), epochs)

    def _check_phases(self, phases: Phases, epochs: int) -> None:
        if not self.is_guided and phases.start >= epochs:
            raise ValueError(f"method.bootstrap_start={phases.start} must be below recipe.epochs={epochs}")
        if self.is_guided and not phases.start < phases.bootstrap < epochs:
            raise ValueError(
                f"method.md_guided_start={phases.start} must be below method.md_bootstrap_start={phases.bootstrap}, and"
                f" that below recipe.epochs={epochs}"
            )
