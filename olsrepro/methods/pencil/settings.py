"""Settings of PENCIL: labels that are learnt with the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

from olsrepro.checks import check_choice, check_range
from olsrepro.data.settings import DatasetSettings
from olsrepro.methods.pencil.stages import OWN_ENDS, Stages, after_share, fitted, own_rates, stages_of_drop
from olsrepro.methods.settings import MethodSettings, OwnRecipe, RunContext

SCHEDULES = ("own", "common")
COMPATS = ("official_code", "paper")

_OF_OWN_SCHEDULE = ("lr", "lr2", "lr_floor_bug")
_BYTES_PER_SCORE = 4
_LARGEST_STORE = 2**30


@dataclass(frozen=True)
class Settings(MethodSettings):
    """PENCIL (Yi and Wu, CVPR 2019): three stages, of which the second updates the labels by gradient.

    Args:
        schedule: ``own``, the method's SGD and learning rates; ``common``, the recipe's.
        alpha: weight of the term that keeps a label close to the given one.
        beta: weight of the entropy of the predictions.
        lam: step size of the labels.
        lr: learning rate of ``schedule=own`` in stages 1 and 2.
        lr2: the same in the first third of stage 3; a tenth and a hundredth of it apply in the others.
        stage1_end, stage2_end: shares of the epochs after which stages 1 and 2 end; None: by the schedule, 70/320
            and 200/320 (own), or 35 % of the epochs before the first drop and that drop (common).
        compat: ``paper``, the negative log of the given class's probability; ``official_code``, the cross entropy that
            uses these probabilities as logits.
        init_scale: score of the given class at the start; the others have 0.
        lr_floor_bug: the last two learning rates are rounded down to integers, hence 0.
        times_k: multiply the losses of stages 2 and 3 by K and divide lam by K, so that the network's gradient has the
            size of a cross entropy's; None: only with ``schedule=common``.
    """

    needs_sample_index: ClassVar[bool] = True
    follow_run: ClassVar[tuple[str, ...]] = ("stage1_end", "stage2_end")

    name: str = "pencil"
    schedule: str = "own"
    alpha: float = 0.1
    beta: float = 0.4
    lam: float = 10000.0
    lr: float = 0.35
    lr2: float = 0.2
    stage1_end: float | None = None
    stage2_end: float | None = None
    compat: str = "official_code"
    init_scale: float = 10.0
    lr_floor_bug: bool = False
    times_k: bool | None = None

    def __post_init__(self) -> None:
        check_choice("schedule", self.schedule, SCHEDULES)
        check_choice("compat", self.compat, COMPATS)
        for key in ("alpha", "beta", "lam", "lr", "lr2", "init_scale"):
            check_range(key, getattr(self, key), 0)
        for key in ("stage1_end", "stage2_end"):
            if getattr(self, key) is not None:
                check_range(key, getattr(self, key), 0, 1)
        self._check_schedule()

    @property
    def splits_steps(self) -> bool:
        """False: labels are updated once per step."""
        return False

    def _check_schedule(self) -> None:
        defaults = {item.name: item.default for item in fields(self)}
        for key in _OF_OWN_SCHEDULE:
            value = getattr(self, key)
            if self.schedule != "own" and value != defaults[key]:
                told = str(value).lower()
                raise ValueError(f"{key}={told} has no meaning with schedule=common: set recipe.lr, or schedule=own")

    @property
    def scales_by_k(self) -> bool:
        """Value of ``times_k``, with None resolved."""
        return self.schedule == "common" if self.times_k is None else self.times_k

    def stages(self, epochs: int, milestones: Sequence[int]) -> Stages:
        """Return the stages of a run; :meth:`check_run` refuses a run that is too short for them."""
        by_drop = stages_of_drop(epochs, milestones)
        ends = zip(self._shares(), by_drop, strict=True)
        return fitted(*(end if share is None else after_share(epochs, share) for share, end in ends))

    def _shares(self) -> tuple[float | None, float | None]:
        """Return the shares of the epochs after which stages 1 and 2 end; None: a drop determines it."""
        implied = OWN_ENDS if self.schedule == "own" else (None, None)
        first, second = (self.stage1_end, self.stage2_end)
        return implied[0] if first is None else first, implied[1] if second is None else second

    def in_force(self, context: RunContext) -> Settings:
        """Return the settings with what the schedule implies: ends of stages as shares of this run's epochs."""
        by_drop = stages_of_drop(context.epochs, context.milestones)
        ends = zip(self._shares(), by_drop, strict=True)
        first, second = (end / context.epochs if share is None else share for share, end in ends)
        return replace(self, stage1_end=first, stage2_end=second, times_k=self.scales_by_k)

    def own_recipe(self, epochs: int) -> OwnRecipe | None:
        """Return PENCIL's plain SGD with its learning rates, for ``schedule=own``."""
        if self.schedule != "own":
            return None
        third_stage = self.stages(epochs, ()).stage2_end
        rates = own_rates(epochs, third_stage, self.lr, self.lr2, floor=self.lr_floor_bug)
        return OwnRecipe(rates, momentum=0.9, nesterov=False, weight_decay=1e-4)

    def check_run(self, dataset: DatasetSettings, epochs: int, milestones: Sequence[int]) -> None:
        """Refuse epochs and drops without room for three stages, and labels above 1 GiB (:class:`ValueError`)."""
        if self.schedule == "common" and self.stage2_end is None and not any(drop < epochs for drop in milestones):
            raise ValueError(
                f"recipe.milestones={list(milestones)} must have a drop in the {epochs} epochs, where stage 2 of"
                " method=pencil ends with schedule=common: set method.stage2_end, such as 0.5, or method.schedule=own"
            )
        stages = self.stages(epochs, milestones)
        if stages.stage2_end >= epochs:
            raise ValueError(
                f"recipe.epochs={epochs} has no room for the three stages of method=pencil, of which the third would"
                f" begin after epoch {stages.stage2_end}: set more epochs, or lower method.stage1_end and stage2_end"
            )
        size = dataset.train_size * dataset.num_classes * _BYTES_PER_SCORE
        if size > _LARGEST_STORE:
            raise ValueError(
                f"method=pencil must be another method with dataset={dataset.name}: it would keep"
                f" {size / 2**30:.1f} GiB of labels, and more than 1 GiB is refused"
            )

    def identity(self) -> dict[str, Any]:
        """Return the switches that change the result, resolved; the own schedule's rates only with ``schedule=own``."""
        shares = dict(zip(("stage1_end", "stage2_end"), self._shares(), strict=True))
        kept = super().identity() | shares | {"times_k": self.scales_by_k}
        return {key: value for key, value in kept.items() if self.schedule == "own" or key not in _OF_OWN_SCHEDULE}
