"""Settings of BYOT with Online Label Smoothing (paper V-A; the authors' script of deep supervision)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, ClassVar

from olsrepro.checks import check_choice, check_range
from olsrepro.losses.online_rules import ACCUMULATE, EMPTY_CLASS, INITIAL_LABELS
from olsrepro.methods.head_weights import EVALUATED, check_head_weights, shortest
from olsrepro.methods.settings import MethodSettings, RunContext
from olsrepro.methods.update_period import period_steps

STARTS_OF = MappingProxyType(
    {
        "main_only": ("hard_only",),
        "deep": ("hard_only",),
        "uniform": ("uniform", *(start for start in INITIAL_LABELS if start not in ("uniform", "hard_only"))),
    }
)
"""Values of ``first_period`` and the ``initial_labels`` that go with each, its default first."""


@dataclass(frozen=True)
class Settings(MethodSettings):
    """BYOT with OLS: all heads learn the label and one table of soft labels, formed by the deepest head's predictions.

    Weights are those of the heads, deepest first; the last applies to every further head. ``alpha`` weights the hard
    terms, ``1 - alpha`` the soft ones. ``first_period``: ``main_only`` trains the deepest head alone, with weight 1;
    ``deep`` all heads on the label with ``hard_weights``; ``uniform`` as in later periods, with ``initial_labels``.
    ``update_period`` and ``eval`` as in ``ols`` and ``byot``.
    """

    keeps_label_table: ClassVar[bool] = True
    needs_stages: ClassVar[bool] = True

    name: str = "byot_ols"
    alpha: float = 0.5
    hard_weights: list[float] = field(default_factory=lambda: [1.5, 0.5])
    soft_weights: list[float] = field(default_factory=lambda: [1.5, 0.25])
    first_period: str = "main_only"
    initial_labels: str | None = None
    accumulate: str = "correct"
    empty_class: str = "uniform"
    update_period: str = "epoch"
    eval: str = "main"

    @property
    def is_tested_by_network(self) -> bool:
        """False for the ensemble: the side heads are not part of the network."""
        return self.eval == "main"

    def __post_init__(self) -> None:
        check_range("alpha", self.alpha, 0, 1)
        check_head_weights("hard_weights", self.hard_weights)
        check_head_weights("soft_weights", self.soft_weights)
        check_choice("first_period", self.first_period, STARTS_OF)
        check_choice("accumulate", self.accumulate, ACCUMULATE)
        check_choice("empty_class", self.empty_class, EMPTY_CLASS)
        check_choice("eval", self.eval, EVALUATED)
        period_steps(self.update_period)
        self._check_start()

    def _check_start(self) -> None:
        if self.initial_labels is None:
            return
        check_choice("initial_labels", self.initial_labels, INITIAL_LABELS)
        if self.initial_labels not in (known := STARTS_OF[self.first_period]):
            raise ValueError(
                f"initial_labels={self.initial_labels} has no meaning with first_period={self.first_period}; "
                f"valid there: {', '.join(known)}"
            )

    @property
    def start(self) -> str:
        """Value of ``initial_labels``, the default of ``first_period`` if it is None."""
        return self.initial_labels or STARTS_OF[self.first_period][0]

    def in_force(self, context: RunContext) -> Settings:
        """Return the settings with the soft labels that the first period implies."""
        return replace(self, initial_labels=self.start)

    @property
    def period_steps(self) -> int | None:
        """Optimiser steps in a period; None if a period is an epoch."""
        return period_steps(self.update_period)

    def identity(self) -> dict[str, Any]:
        """Return all switches resolved, head weights in their shortest form."""
        return super().identity() | {
            "hard_weights": shortest(self.hard_weights),
            "soft_weights": shortest(self.soft_weights),
            "initial_labels": self.start,
            "update_period": self.update_period.lstrip("0"),
        }
