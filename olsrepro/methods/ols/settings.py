"""Settings of Online Label Smoothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from olsrepro.losses.online_rules import OlsRules, ols_switches, resolve_ols
from olsrepro.methods.settings import MethodSettings, RunContext
from olsrepro.methods.update_period import period_steps


@dataclass(frozen=True)
class Settings(MethodSettings):
    """Online Label Smoothing (paper III-B). A switch left at None takes the value that ``variant`` bundles.

    ``update_period`` is ``epoch`` or a number of optimiser steps, counted over the whole training and not reset at
    an epoch's end.
    """

    labels_classes: ClassVar[bool] = True
    keeps_label_table: ClassVar[bool] = True

    name: str = "ols"
    variant: str = "paper"
    alpha: float | None = None
    hard_weight: float | None = None
    soft_weight: float | None = None
    initial_labels: str | None = None
    accumulate: str | None = None
    empty_class: str | None = None
    freeze_at: float | None = None
    update_period: str = "epoch"

    def __post_init__(self) -> None:
        self.rules()
        period_steps(self.update_period)

    @property
    def period_steps(self) -> int | None:
        """Optimiser steps in a period; None if a period is an epoch."""
        return period_steps(self.update_period)

    def rules(self) -> OlsRules:
        """Return the rules that follow from the variant and the switches."""
        switches = {key: value for key, value in self.switches().items() if key != "update_period"}
        return resolve_ols(**switches)

    def in_force(self, context: RunContext) -> Settings:
        """Return the settings with the rules in place of what is left to the variant."""
        return replace(self, **ols_switches(self.variant, self.rules()))

    def criterion_switches(self) -> dict[str, Any]:
        """Return the switches of the criterion: all but ``update_period``, which belongs to training."""
        return {key: value for key, value in self.switches().items() if key != "update_period"}

    def identity(self) -> dict[str, Any]:
        """Return the rules and the period: a variant and the same switches given one by one are one run."""
        return asdict(self.rules()) | {"update_period": self.update_period.lstrip("0")}
