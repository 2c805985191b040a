"""Label method ``tfkd_self``: a trained network's predictions for the same images are part of the target."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.losses import SelfDistillation
from olsrepro.methods.base import LabelMethod, MethodContext, StepOutput
from olsrepro.methods.tfkd_self.settings import Settings


class Method(LabelMethod):
    """Distillation with one pass of the network and one of its teacher over the same augmented images.

    The teacher's weights are neither trained nor part of the checkpoint, which has its run id instead.

    Raises:
        ValueError: the context has no teacher.
    """

    def __init__(self, settings: Settings, context: MethodContext) -> None:
        super().__init__()
        if context.teacher is None:
            raise ValueError("tfkd_self needs a trained teacher in its context")
        self.criterion = SelfDistillation(
            context.num_classes,
            alpha=settings.alpha,
            T=settings.T,
            multiplier=settings.multiplier,
            reduction=settings.reduction,
        )
        self._teacher = (context.teacher,)  # in a tuple, so that it is no submodule

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """Apply the criterion to the logits of both networks."""
        logits = network(batch.images)
        return StepOutput(self.criterion(logits, batch.targets, self._taught(batch.images)), logits)

    def _taught(self, images: Tensor) -> Tensor:
        with torch.no_grad():
            logits: Tensor = self._teacher[0](images)
        return logits
