"""Settings of the expected calibration error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from olsrepro.checks import check_whole
from olsrepro.evaluation.settings import EvaluationSettings


@dataclass(frozen=True)
class Settings(EvaluationSettings):
    """Expected calibration error on the test set (Table XI) over ``bins`` equal bins of confidence.

    The paper doesn't say how many; 15 are usual since Guo et al. 2017 (gpleiss/temperature_scaling).
    """

    version: ClassVar[int] = 2

    name: str = "ece"
    bins: int = 15

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("bins", self.bins, 1)
