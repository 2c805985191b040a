"""Progress of a training: plain numbers that are kept in its checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

Row = dict[str, Any]


@dataclass
class TrainingProgress:
    """Finished epochs, steps within the running one, seconds spent in it, the curve so far and its best row.

    Attributes:
        epoch: the 0-based running epoch, equal to the number of finished ones.
        step: steps made in it.
        seconds: seconds of training in it, over all processes that worked on it.
        untested: the method's fields of the running epoch's row, once its steps are done and the test is to come.
        rows: one row of the curve for each finished epoch; ``row["epoch"]`` counts from 1.
        best_epoch: the row with the lowest objective, the first of equals; None before the first test.
        best_objective: that objective.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    untested: Row | None = None
    rows: list[Row] = field(default_factory=list)
    best_epoch: int | None = None
    best_objective: float = float("inf")

    def finish_epoch(self, row: Row, objective: float) -> bool:
        """Append an epoch's row and move on to the next; return whether it is the best so far (the first of equals)."""
        is_best = self.best_epoch is None or objective < self.best_objective
        self.rows.append(row)
        self.epoch, self.step, self.seconds, self.untested = self.epoch + 1, 0, 0.0, None
        if is_best:
            self.best_epoch, self.best_objective = self.epoch, objective
        return is_best

    def state_dict(self) -> dict[str, Any]:
        """Return the progress as a plain dictionary."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> TrainingProgress:
        """Build the progress from the dictionary of :meth:`state_dict`."""
        return cls(**state)
