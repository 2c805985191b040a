"""Label method ``byot``: side heads that learn from the label and from the deepest head."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.losses.criterion import raised
from olsrepro.methods.base import LabelMethod, MethodContext, StepOutput
from olsrepro.methods.byot.distillation import journal, logit_kd
from olsrepro.methods.byot.settings import Settings
from olsrepro.methods.head_losses import hard_loss
from olsrepro.methods.head_weights import per_head
from olsrepro.methods.heads import HeadedNetwork, draw_heads, tested_network


class Method(LabelMethod):
    """BYOT; the method owns the side heads, so that the network has the same weights as one without heads."""

    def __init__(self, settings: Settings, context: MethodContext) -> None:
        super().__init__()
        self.heads = draw_heads(context)
        self._settings = settings
        self._weights = per_head("hard_weights", settings.hard_weights, 1 + len(self.heads))

    def trained(self, network: nn.Module) -> HeadedNetwork:
        """Return the network with its heads: images (B, 3, H, W) to a list of logits (B, K), deepest first."""
        return HeadedNetwork(network, self.heads)

    def tested(self, network: nn.Module) -> nn.Module:
        """Return the network with the deepest head alone, or with the ensemble of all heads."""
        return tested_network(network, self.heads, self._settings.eval)

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """Make one forward pass through all heads and return its loss and the deepest head's logits."""
        logits = network(batch.images)
        return StepOutput(self._loss([raised(z) for z in logits], batch.targets), logits[0])

    def _loss(self, logits: Sequence[Tensor], target: Tensor) -> Tensor:
        settings = self._settings
        if settings.supervision == "logit_kd":
            return logit_kd(logits, target, settings.alpha, settings.T)
        if settings.supervision == "journal":
            return journal(logits, target, settings.lam, settings.T)
        return hard_loss(logits, target, self._weights)
