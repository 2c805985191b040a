"""Settings of self knowledge distillation from a trained network of the same structure (Tf-KD, self form)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from olsrepro.checks import check_choice, check_range, check_weights
from olsrepro.losses.switches import REDUCTIONS
from olsrepro.methods.settings import MethodSettings


@dataclass(frozen=True)
class Settings(MethodSettings):
    """Tf-KD self (Yuan et al. 2020): a network learns from the best weights of its own hard-label run.

    ``teacher`` is the run id of another finished run of the same backbone, which makes this knowledge distillation
    from any trained teacher; None takes the hard run of the same data, backbone, recipe and seed. The teacher's id is
    part of the run's own.
    """

    wants_teacher: ClassVar[bool] = True

    passes: ClassVar[float] = 4 / 3

    name: str = "tfkd_self"
    teacher: str | None = None
    alpha: float = 0.95
    T: float = 6.0
    multiplier: float = 50.0
    reduction: str = "mean"

    @property
    def teacher_run(self) -> str | None:
        """Id of the teacher's run; None for the hard run."""
        return self.teacher

    def identity(self) -> dict[str, Any]:
        """Return all switches but the teacher, whose id is in the run's own whether it was named or implied."""
        return {key: value for key, value in super().identity().items() if key != "teacher"}

    def __post_init__(self) -> None:
        if self.teacher is not None and not re.fullmatch(r"[0-9a-f]{16}-s\d+", self.teacher):
            raise ValueError(
                f"teacher={self.teacher} must be the id of a finished run, such as 3f9c2a17b04d5e61-s0, or null"
            )
        check_range("alpha", self.alpha, 0, 1)
        check_range("T", self.T, 1e-6)
        check_range("multiplier", self.multiplier, 0)
        check_weights(**{"1 - alpha": 1 - self.alpha, "alpha * multiplier": self.alpha * self.multiplier})
        check_choice("reduction", self.reduction, REDUCTIONS)
