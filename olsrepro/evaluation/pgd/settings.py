"""Settings of projected gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from olsrepro.checks import check_flag, check_whole, whole_number
from olsrepro.evaluation.attack_settings import AttackSettings, exact, length

_SHARE = "epsilon/"


@dataclass(frozen=True)
class Settings(AttackSettings):
    """Steps along the gradient's sign, kept within ``epsilon`` (Madry et al. 2018).

    The paper (V-C) says 20 iterations and neither bound nor step. Its printed numbers fit a bound smaller than FGSM's;
    8/255 is the plain reading, not a fitted one.

    Args:
        step_size: change of a value in one step, as ``epsilon`` is written, or a share of it such as ``epsilon/4``.
        iterations: steps; 0 changes nothing.
        random_start: begin at a point drawn uniformly within the bound, from the run's seed and the sample index.
        stop_at_success: leave an image where it is once its class is wrong.
    """

    name: str = "pgd"
    step_size: str | float = "2/255"
    iterations: int = 20
    random_start: bool = False
    stop_at_success: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        step_length(self.step_size, self.epsilon)
        check_whole("iterations", self.iterations, 0)
        check_flag("random_start", self.random_start)
        check_flag("stop_at_success", self.stop_at_success)

    @property
    def step(self) -> float:
        """Value of ``step_size`` as a number in [0, 1]."""
        return step_length(self.step_size, self.epsilon)

    def identity(self) -> dict[str, Any]:
        """Return the parameters, with the step and ``epsilon`` as numbers and without ``batch_size``."""
        return super().identity() | {"step_size": self.step}


def step_length(step_size: str | float, epsilon: str | float) -> float:
    """Return the step as a number; ``epsilon/4`` is a quarter of ``epsilon``.

    Raises:
        ValueError: it is neither a length nor a share of one.
    """
    if not (isinstance(step_size, str) and step_size.startswith(_SHARE)):
        return length("step_size", step_size)
    parts = whole_number(step_size.removeprefix(_SHARE))
    if not parts:
        raise ValueError(
            f"step_size={step_size} must be a number, a fraction such as 2/255, or a share such as epsilon/4"
        )
    return float(exact(epsilon) / parts)
