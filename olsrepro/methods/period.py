"""Base of methods whose training is divided into periods, at the end of which something is replaced."""

from __future__ import annotations

from typing import Any

from olsrepro.methods.base import LabelMethod


class PeriodMethod(LabelMethod):
    """Method that ends a period after a number of optimiser steps, or at each epoch's end.

    Args:
        period_steps: optimiser steps in a period, not reset at an epoch's end; None: a period is an epoch.
    """

    def __init__(self, period_steps: int | None) -> None:
        super().__init__()
        self._period_steps = period_steps
        self._steps = 0

    def end_period(self) -> None:
        """Replace what the period has gathered, after its last step."""
        raise TypeError(f"{type(self).__name__} defines no end_period")

    def after_step(self) -> None:
        """Count the step and end the period if it was its last."""
        if self._period_steps is None:
            return
        self._steps = (self._steps + 1) % self._period_steps
        if self._steps == 0:
            self.end_period()

    def end_epoch(self) -> None:
        """End the period if a period is an epoch."""
        if self._period_steps is None:
            self.end_period()

    def get_extra_state(self) -> dict[str, Any]:
        """Return the steps since the last period's end, a plain number saved with the buffers."""
        return {"steps": self._steps}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Resume within the period in which the state was saved."""
        self._steps = int(state["steps"])
