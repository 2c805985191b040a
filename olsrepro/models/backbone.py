"""Interface of a backbone: named stage features, global pooling, a classifier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from olsrepro.models.weight_names import own_names


class Backbone(nn.Module, ABC):
    """Network from images ``(B, 3, H, W)`` to logits ``(B, K)`` through named stages, which label methods may tap."""

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
        """Return the maps ``(B, stage_channels[name], h, w)`` of images ``(B, 3, H, W)``, in order of ``stages``."""

    @abstractmethod
    def classify(self, pooled: Tensor) -> Tensor:
        """Return the logits ``(B, K)`` of pooled features ``(B, C)``."""

    def initialise(self, module: nn.Module) -> None:
        """Draw the weights of a module added to the network like those of its own layers; by default keep torch's."""

    def weight_names(self) -> list[dict[str, str]]:
        """List the names that a file may use for the tensors it fills, all but the classifier's, by our keys."""
        return [own_names(self)]

    def pool(self, features: Tensor) -> Tensor:
        """Average the last stage's map over all positions: ``(B, C, h, w) -> (B, C)`` for any h, w."""
        return features.mean(dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits ``(B, K)`` of images ``(B, 3, H, W)``."""
        return self.classify(self.pool(self.stage_features(images)[self.stages[-1]]))
