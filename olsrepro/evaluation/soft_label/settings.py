"""Settings of the soft label of one class (Figure 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from olsrepro.checks import check_whole
from olsrepro.evaluation.settings import EvaluationSettings


@dataclass(frozen=True)
class Settings(EvaluationSettings):
    """Class whose soft label is shown: ``target`` is its index, 3 is CIFAR-10's cat (paper, Figure 1).

    The label is that of the last epoch whichever ``weights`` are chosen: a run keeps one table.
    """

    of_weights: ClassVar[bool] = False

    name: str = "soft_label"
    target: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("target", self.target, 0)
