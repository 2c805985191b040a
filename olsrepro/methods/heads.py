"""A network with side heads: what is trained, and what is tested, where heads share the trunk."""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from olsrepro.losses.criterion import raised
from olsrepro.methods.base import MethodContext
from olsrepro.models.backbone import Backbone
from olsrepro.models.side_heads import side_heads


class HeadedNetwork(nn.Module):
    """The logits of all heads in one pass; the trunk and the heads belong to others, who keep their weights.

    Args:
        network: a backbone.
        heads: side heads by the name of the stage that each taps, first to last.
    """

    def __init__(self, network: nn.Module, heads: nn.ModuleDict) -> None:
        super().__init__()
        self.network = network
        self.heads = heads

    def forward(self, images: Tensor) -> list[Tensor]:
        """Logits (B, K) of images (B, 3, H, W): the deepest head's, then the side heads' from the first stage on."""
        backbone = cast("Backbone", self.network)
        maps = backbone.stage_features(images)
        main = backbone.classify(backbone.pool(maps[backbone.stages[-1]]))
        return [main, *(head(maps[name]) for name, head in self.heads.items())]


class HeadEnsemble(nn.Module):
    """All heads of a :class:`HeadedNetwork` as one: logits whose softmax is the mean of the heads' probabilities."""

    def __init__(self, headed: HeadedNetwork) -> None:
        super().__init__()
        self.headed = headed

    def forward(self, images: Tensor) -> Tensor:
        """Log probabilities (B, K), fp32 or better, of images (B, 3, H, W)."""
        log_p = torch.stack([raised(logits).log_softmax(1) for logits in self.headed(images)])
        return log_p.logsumexp(0) - math.log(len(log_p))


def draw_heads(context: MethodContext) -> nn.ModuleDict:
    """The side heads of a run's backbone, drawn from torch's generator.

    Raises:
        UserError: the backbone has one stage only.
        ValueError: the context has no backbone.
    """
    if context.backbone is None:
        raise ValueError("side heads need the run's backbone: MethodContext(backbone=...)")
    return side_heads(context.backbone, context.num_classes, context.image_size)


def tested_network(network: nn.Module, heads: nn.ModuleDict, evaluated: str) -> nn.Module:
    """The network itself for ``main``, all heads as one for ``ensemble``."""
    return HeadEnsemble(HeadedNetwork(network, heads)) if evaluated == "ensemble" else network
