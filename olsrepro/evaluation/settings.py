"""Settings that all evaluations share (no torch here)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from olsrepro.checks import check_choice
from olsrepro.settings import Component

WEIGHTS = ("best", "last")


@dataclass(frozen=True)
class EvaluationSettings(Component):
    """Base of every evaluation's settings. Fields are its parameters; ``name`` is the folder's.

    ``weights`` says which of a run's weights are measured: those of the ``best`` test epoch or the ``last`` ones. An
    evaluation that uses no weights has ``of_weights`` False and is the same for both. ``task`` is that of the runs that
    it measures.
    """

    task: ClassVar[str] = "classification"
    of_weights: ClassVar[bool] = True
    needs_human_labels: ClassVar[bool] = False

    name: str = ""
    weights: str = "best"

    def __post_init__(self) -> None:
        check_choice("weights", self.weights, WEIGHTS)

    def identity(self) -> dict[str, Any]:
        """Return the parameters that change the result."""
        return {key: value for key, value in super().identity().items() if self.of_weights or key != "weights"}
