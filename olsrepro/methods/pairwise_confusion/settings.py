"""Settings of Pairwise Confusion."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from olsrepro.losses.pairwise_rules import PairwiseRules, resolve_pairwise
from olsrepro.methods.settings import MethodSettings, RunContext


@dataclass(frozen=True)
class Settings(MethodSettings):
    """Pairwise Confusion (Dubey et al.). A switch left at None takes the value that ``variant`` bundles.

    ``start`` is a share of the run's epochs; before it the loss is the hard one.
    """

    needs_pairs: ClassVar[bool] = True

    name: str = "pairwise_confusion"
    variant: str = "authors"
    space: str | None = None
    norm: str | None = None
    pairs: str | None = None
    lam: float | None = None
    start: float | None = None

    def __post_init__(self) -> None:
        self.rules()

    @property
    def splits_steps(self) -> bool:
        """Whether a step can be split: not if distances are normalised over the whole batch."""
        return self.rules().norm != "class"

    def rules(self) -> PairwiseRules:
        """Return the rules that follow from the variant and the switches."""
        return resolve_pairwise(**self.switches())

    def in_force(self, context: RunContext) -> Settings:
        """Return the settings with the rules in place of what is left to the variant."""
        return replace(self, **asdict(self.rules()))

    def criterion_switches(self) -> dict[str, Any]:
        """Return the switches of the criterion: all but ``start``, which belongs to training."""
        return {key: value for key, value in self.switches().items() if key != "start"}

    def first_epoch(self, epochs: int) -> int:
        """Return the 0-based epoch, nearest to ``start`` times ``epochs``, that switches the distance on."""
        return math.floor(self.rules().start * epochs + 0.5)

    def identity(self) -> dict[str, Any]:
        """Return the rules: a variant and the same switches given one by one are one run."""
        return asdict(self.rules())
