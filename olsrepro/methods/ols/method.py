"""Label method ``ols``: Online Label Smoothing with its update period."""

from __future__ import annotations

from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.losses import OnlineLabelSmoothing
from olsrepro.methods.base import MethodContext, StepOutput
from olsrepro.methods.ols.settings import Settings
from olsrepro.methods.period import PeriodMethod


class Method(PeriodMethod):
    """OLS; the criterion gathers statistics in training, and at the end of a period they become the soft labels."""

    counted_apart = ("criterion.table.sums", "criterion.table.counts")

    def __init__(self, settings: Settings, context: MethodContext) -> None:
        super().__init__(settings.period_steps)
        self.criterion = OnlineLabelSmoothing(context.num_classes, **settings.criterion_switches())

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """Make one forward pass; the criterion gathers its statistics from the same logits."""
        logits = network(batch.images)
        return StepOutput(self.criterion(logits, batch.targets), logits)

    def class_targets(self, classes: Tensor) -> Tensor:
        """Return the hard and the current soft labels, weighted as in the loss, (P, K)."""
        return self.criterion.targets(classes)

    def observe_classes(self, classes: Tensor, predictions: Tensor, counted: Tensor) -> None:
        """Count predictions (P, K) for the soft labels of the next period."""
        self.criterion.observe(classes, predictions, counted)

    def end_period(self) -> None:
        """Replace the soft labels by this period's mean predictions."""
        self.criterion.update()

    def label_table(self) -> Tensor:
        """Return the current soft labels, (K, K), row y for class y."""
        return self.criterion.soft_labels
