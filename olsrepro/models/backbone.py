"""The contract of a backbone: named stage features, global pooling, a classifier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn


class Backbone(nn.Module, ABC):
    """Maps images ``(B, 3, H, W)`` to logits ``(B, K)`` by way of named stages, which label methods may tap."""

    stages: tuple[str, ...]
    """Names of the stages, first to last: ``layer1``, ``layer2``, ..."""
    stage_channels: dict[str, int]
    """Channels of each stage's feature map."""

    def set_stages(self, stage_channels: Mapping[str, int]) -> None:
        """Declare the stages, in order, with the channels of their maps; every subclass's constructor calls this."""
        self.stage_channels = dict(stage_channels)
        self.stages = tuple(stage_channels)

    @abstractmethod
    def stage_features(self, images: Tensor) -> dict[str, Tensor]:
        """Maps ``(B, stage_channels[name], h, w)`` of one pass over images ``(B, 3, H, W)``, in order of ``stages``."""

    @abstractmethod
    def classify(self, pooled: Tensor) -> Tensor:
        """Logits ``(B, K)`` of pooled features ``(B, C)``."""

    def initialise(self, module: nn.Module) -> None:
        """Draw the weights of a module that joins the network as those of its own layers; here: leave torch's draws."""

    def pool(self, features: Tensor) -> Tensor:
        """Global average of the last stage's map: ``(B, C, h, w) -> (B, C)`` for any h, w."""
        return features.mean(dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``(B, K)`` of images ``(B, 3, H, W)``."""
        return self.classify(self.pool(self.stage_features(images)[self.stages[-1]]))
