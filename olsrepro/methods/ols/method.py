"""The label method ``ols``: Online Label Smoothing with its update period."""

from __future__ import annotations

from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.losses import OnlineLabelSmoothing
from olsrepro.methods.base import MethodContext, StepOutput
from olsrepro.methods.ols.settings import Settings
from olsrepro.methods.period import PeriodMethod


class Method(PeriodMethod):
    """The criterion gathers its statistics while it trains; the end of a period makes them the soft labels in force."""

    counted_apart = ("criterion.table.sums", "criterion.table.counts")

    def __init__(self, settings: Settings, context: MethodContext) -> None:
        super().__init__(settings.period_steps)
        self.criterion = OnlineLabelSmoothing(context.num_classes, **settings.criterion_switches())

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """One forward pass; the criterion gathers its statistics from the same logits."""
        logits = network(batch.images)
        return StepOutput(self.criterion(logits, batch.targets), logits)

    def class_targets(self, classes: Tensor) -> Tensor:
        """The hard labels and the soft ones in force, as the loss weighs them, (P, K)."""
        return self.criterion.targets(classes)

    def observe_classes(self, classes: Tensor, predictions: Tensor, counted: Tensor) -> None:
        """Count predictions (P, K) for the soft labels of the next period."""
        self.criterion.observe(classes, predictions, counted)

    def end_period(self) -> None:
        """Replace the soft labels."""
        self.criterion.update()

    def label_table(self) -> Tensor:
        """The soft labels in force, (K, K)."""
        return self.criterion.soft_labels
