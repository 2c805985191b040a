"""Network with side heads that share its trunk, for training and for testing."""

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
    """Network that gives the logits of all heads in one pass; trunk and heads are owned, and saved, by others.

    Args:
        network: a backbone.
        heads: side heads by the name of the stage that each taps, first to last.
    """

    def __init__(self, network: nn.Module, heads: nn.ModuleDict) -> None:
        super().__init__()
        self.network = network
        self.heads = heads

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return logits (B, K) of images (B, 3, H, W): the deepest head's, then the side heads', first stage first."""
        backbone = cast("Backbone", self.network)
        maps = backbone.stage_features(images)
        main = backbone.classify(backbone.pool(maps[backbone.stages[-1]]))
        return [main, *(head(maps[name]) for name, head in self.heads.items())]


class HeadEnsemble(nn.Module):
    """Ensemble of a :class:`HeadedNetwork`'s heads: logits whose softmax is the mean of the heads' probabilities."""

    def __init__(self, headed: HeadedNetwork) -> None:
        super().__init__()
        self.headed = headed

    def forward(self, images: Tensor) -> Tensor:
        """Return log probabilities (B, K), fp32 or better, of images (B, 3, H, W)."""
        log_p = torch.stack([raised(logits).log_softmax(1) for logits in self.headed(images)])
        return log_p.logsumexp(0) - math.log(len(log_p))


def draw_heads(context: MethodContext) -> nn.ModuleDict:
    """Draw the side heads of a run's backbone from torch's generator.

    Raises:
        UserError: the backbone has only one stage.
        ValueError: the context has no backbone.
    """
    if context.backbone is None:
        raise ValueError("side heads need the run's backbone: MethodContext(backbone=...)")
    return side_heads(context.backbone, context.num_classes, context.image_size)


def tested_network(network: nn.Module, heads: nn.ModuleDict, evaluated: str) -> nn.Module:
    """Return the network itself for ``main``, the ensemble of all heads for ``ensemble``."""
    return HeadEnsemble(HeadedNetwork(network, heads)) if evaluated == "ensemble" else network
