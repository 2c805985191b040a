"""Settings of the ensemble over the epochs of one training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from olsrepro.checks import check_choice, check_whole
from olsrepro.evaluation.ensemble_epochs import GRIDS
from olsrepro.evaluation.settings import EvaluationSettings

AVERAGES = ("softmax", "logits")


@dataclass(frozen=True)
class Settings(EvaluationSettings):
    """Ensemble of ``size`` models of one training (Table III), or of all its epochs if they are fewer.

    Args:
        size: number of models that are averaged; the paper's largest is 20.
        grid: the epochs that they come from, see :func:`ensemble_epochs.member_epochs`; the paper says "uniformly".
        average: ``softmax``, the mean of the probabilities (paper, Equation 10; needs a run's sums or weights), or
            ``logits``, another method that needs the weights of each epoch.
    """

    of_weights: ClassVar[bool] = False

    name: str = "ensemble"
    size: int = 20
    grid: str = "grid_end"
    average: str = "softmax"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("size", self.size, 1)
        check_choice("grid", self.grid, GRIDS)
        check_choice("average", self.average, AVERAGES)
