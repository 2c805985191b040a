"""Label method ``ddgsd``: two views through one network, which learn from each other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.methods.base import LabelMethod, MethodContext, StepOutput
from olsrepro.methods.ddgsd.loss import DataDistortionDistillation
from olsrepro.methods.ddgsd.settings import Settings


class Method(LabelMethod):
    """Data-distortion guided self-distillation; no teacher and no state, and a pair of views stays on its rank."""

    def __init__(self, settings: Settings, context: MethodContext) -> None:
        super().__init__()
        self.criterion = DataDistortionDistillation(context.num_classes, **settings.criterion_switches())
        self._logits = _joint_logits if settings.joint_forward else _separate_logits

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """Return the loss of both views and the first one's logits."""
        (second_view,) = batch.more_views
        logits, second = self._logits(network, batch.images, second_view)
        return StepOutput(self.criterion(logits, batch.targets, second), logits)


def _joint_logits(network: nn.Module, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    logits = network(torch.cat([first, second]))
    return logits[: len(first)], logits[len(first) :]


def _separate_logits(network: nn.Module, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    return network(first), network(second)
