"""Label method ``byot_ols``: side heads, and one table of soft labels that the deepest head forms for all."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.losses import LabelTable
from olsrepro.losses.criterion import is_training_pass, raised
from olsrepro.methods.base import MethodContext, StepOutput
from olsrepro.methods.byot_ols.settings import Settings
from olsrepro.methods.head_losses import hard_loss, softened_loss
from olsrepro.methods.head_weights import per_head
from olsrepro.methods.heads import HeadedNetwork, draw_heads, tested_network
from olsrepro.methods.period import PeriodMethod


class Method(PeriodMethod):
    """BYOT with OLS; in a ``main_only`` first period the side heads get no gradient, hence no decay or momentum.

    Source: OnlineLabelSmoothing, ``cifar/scripts/train_cifar_all_methods_deepsupervision.py``.
    """

    counted_apart = ("table.sums", "table.counts")

    def __init__(self, settings: Settings, context: MethodContext) -> None:
        super().__init__(settings.period_steps)
        self.heads = draw_heads(context)
        self.table = LabelTable(context.num_classes, settings.start, settings.empty_class)
        self._settings = settings
        self._deep = per_head("hard_weights", settings.hard_weights, 1 + len(self.heads))
        self._hard = [settings.alpha * weight for weight in self._deep]
        soft = per_head("soft_weights", settings.soft_weights, 1 + len(self.heads))
        self._soft = [(1 - settings.alpha) * weight for weight in soft]

    def trained(self, network: nn.Module) -> HeadedNetwork:
        """Return the network with its heads: images (B, 3, H, W) to a list of logits (B, K), deepest first."""
        return HeadedNetwork(network, self.heads)

    def tested(self, network: nn.Module) -> nn.Module:
        """Return the network with the deepest head alone, or with the ensemble of all heads."""
        return tested_network(network, self.heads, self._settings.eval)

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """Make one forward pass through all heads; in training the deepest one's predictions are counted."""
        logits = network(batch.images)
        raised_logits = [raised(z) for z in logits]
        loss = self._loss(raised_logits, batch.targets)
        if is_training_pass(self):
            self._observe(raised_logits[0].detach(), batch.targets)
        return StepOutput(loss, logits[0])

    def end_period(self) -> None:
        """Replace the soft labels by this period's mean predictions."""
        self.table.update()

    def label_table(self) -> Tensor:
        """Return the current soft labels, (K, K), row y for class y."""
        return self.table.soft_labels

    def _loss(self, logits: Sequence[Tensor], target: Tensor) -> Tensor:
        first = self._settings.first_period if self.table.period == 0 else "uniform"
        if first == "main_only":
            return F.cross_entropy(logits[0], target)
        if first == "deep":
            return hard_loss(logits, target, self._deep)
        return softened_loss(logits, target, self.table.labels(target), self._hard, self._soft)

    def _observe(self, logits: Tensor, target: Tensor) -> None:
        correct = logits.max(1).indices.eq(target) if self._settings.accumulate == "correct" else None
        self.table.observe(target, logits.softmax(1), correct)
