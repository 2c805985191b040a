"""The label method ``ols``: Online Label Smoothing with its update period."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.losses import OnlineLabelSmoothing
from olsrepro.methods.base import LabelMethod, Setting, StepOutput
from olsrepro.methods.ols.settings import Settings


class Method(LabelMethod):
    """Counts the optimiser's steps and ends a period after so many of them, or at each epoch's end."""

    def __init__(self, settings: Settings, setting: Setting) -> None:
        super().__init__()
        self.criterion = OnlineLabelSmoothing(setting.num_classes, **settings.criterion_switches())
        self._period_steps = settings.period_steps
        self._steps = 0

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """One forward pass; the criterion gathers its statistics from the same logits."""
        logits = network(batch.images)
        return StepOutput(self.criterion(logits, batch.targets), logits)

    def after_step(self) -> None:
        """Count the step; end the period if it was its last."""
        if self._period_steps is None:
            return
        self._steps = (self._steps + 1) % self._period_steps
        if self._steps == 0:
            self.criterion.update()

    def end_epoch(self) -> None:
        """End the period where a period is an epoch."""
        if self._period_steps is None:
            self.criterion.update()

    def label_table(self) -> Tensor:
        """The soft labels in force, (K, K)."""
        return self.criterion.soft_labels

    def get_extra_state(self) -> dict[str, Any]:
        """Steps since the last update: a plain number beside the buffers."""
        return {"steps": self._steps}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Go on within the period that the state was taken in."""
        self._steps = int(state["steps"])
