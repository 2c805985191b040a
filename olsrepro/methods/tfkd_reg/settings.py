"""Settings of teacher-free knowledge distillation by a virtual teacher (Tf-KD, regularisation form)."""

from __future__ import annotations

from dataclasses import dataclass

from olsrepro.checks import check_choice, check_range, check_weights
from olsrepro.losses.switches import REDUCTIONS
from olsrepro.methods.settings import MethodSettings


@dataclass(frozen=True)
class Settings(MethodSettings):
    """Tf-KD regularisation (Yuan et al.): distils a virtual teacher with ``correct_prob`` on the right class."""

    name: str = "tfkd_reg"
    alpha: float = 0.1
    T: float = 20.0
    multiplier: float = 100.0
    correct_prob: float = 0.99
    student_temperature: bool = False
    reduction: str = "mean"
    scale_t2: bool = False

    def __post_init__(self) -> None:
        check_range("alpha", self.alpha, 0, 1)
        check_range("T", self.T, 1e-6)
        check_range("multiplier", self.multiplier, 0)
        check_range("correct_prob", self.correct_prob, 0, 1)
        check_weights(**{"1 - alpha": 1 - self.alpha, "alpha * multiplier": self.alpha * self.multiplier})
        check_choice("reduction", self.reduction, REDUCTIONS)
