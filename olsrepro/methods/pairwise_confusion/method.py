"""Label method ``pairwise_confusion``: its criterion from a share of the training on, hard labels before."""

from __future__ import annotations

from torch import nn

from olsrepro.data.batch import Batch
from olsrepro.losses import HardLabel, PairwiseConfusion
from olsrepro.methods.base import LabelMethod, MethodContext, StepOutput
from olsrepro.methods.pairwise_confusion.settings import Settings


class Method(LabelMethod):
    """Pairwise Confusion; the batch's epoch alone determines the loss, so that there is no state."""

    def __init__(self, settings: Settings, context: MethodContext) -> None:
        super().__init__()
        self.criterion = PairwiseConfusion(context.num_classes, **settings.criterion_switches())
        self._hard = HardLabel(context.num_classes)
        self._first_epoch = settings.first_epoch(context.epochs)

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """Make one forward pass; partners are rows of the two halves of the batch in its given order."""
        logits = network(batch.images)
        criterion = self.criterion if batch.epoch >= self._first_epoch else self._hard
        return StepOutput(criterion(logits, batch.targets), logits)
