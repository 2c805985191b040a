"""Post-activation residual blocks and the network of stages that the CIFAR families build from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from olsrepro.models.backbone import Backbone

BlockFactory = Callable[[int, int, int], "ResidualBlock"]
"""Function that builds a block, called as ``(in_channels, planes, stride)``."""


def convolution(in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """Build a convolution without bias, padded so that stride 1 keeps the map's size (odd ``kernel``)."""
    return nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)


def projection(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Build He et al.'s type B shortcut (2016): identity if the shape is kept, else a strided 1 x 1 convolution, BN."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(convolution(in_channels, out_channels, 1, stride), nn.BatchNorm2d(out_channels))


class ResidualBlock(nn.Module, ABC):
    """Block ``relu(residual(x) + downsample(x))``; the subclass's residual ends on a BN (ResNet v1)."""

    out_channels: int
    downsample: nn.Module

    @abstractmethod
    def residual(self, features: Tensor) -> Tensor:
        """Compute the residual branch, before the sum and the last ReLU."""

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(B, in_channels, h, w)`` to ``(B, out_channels, h / stride, w / stride)``, odd sides rounded up."""
        return F.relu(self.residual(features) + self.downsample(features))


class BasicBlock(ResidualBlock):
    """Block of 3 x 3 (carries the stride), 3 x 3; output as wide as ``planes``."""

    def __init__(self, in_channels: int, planes: int, stride: int) -> None:
        super().__init__()
        self.out_channels = planes
        self.conv1 = convolution(in_channels, planes, 3, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = convolution(planes, planes, 3)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = projection(in_channels, planes, stride)

    def residual(self, features: Tensor) -> Tensor:
        """Apply the two convolutions, each with its BN."""
        features = F.relu(self.bn1(self.conv1(features)))
        out: Tensor = self.bn2(self.conv2(features))
        return out


class Bottleneck(ResidualBlock):
    """Block of 1 x 1, 3 x 3 (carries the stride, in ``groups``), 1 x 1; output ``expansion`` times ``planes`` wide."""

    def __init__(self, in_channels: int, planes: int, stride: int, groups: int = 1, expansion: int = 4) -> None:
        super().__init__()
        self.out_channels = expansion * planes
        self.conv1 = convolution(in_channels, planes, 1)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = convolution(planes, planes, 3, stride, groups)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = convolution(planes, self.out_channels, 1)
        self.bn3 = nn.BatchNorm2d(self.out_channels)
        self.downsample = projection(in_channels, self.out_channels, stride)

    def residual(self, features: Tensor) -> Tensor:
        """Apply the three convolutions, each with its BN."""
        features = F.relu(self.bn1(self.conv1(features)))
        features = F.relu(self.bn2(self.conv2(features)))
        out: Tensor = self.bn3(self.conv3(features))
        return out


class ResidualNetwork(Backbone):
    """Stem, stages ``layer1``, ``layer2``, ... of residual blocks (every stage but the first halves the map), head.

    ``planes`` and ``blocks`` hold one number per stage. ``initialise``, if given, is applied to every module of the
    trunk before the head is drawn: for a given seed the trunk doesn't depend on the number of classes.
    """

    def __init__(
        self,
        block: BlockFactory,
        *,
        stem_channels: int,
        stem_kernel: int,
        planes: Sequence[int],
        blocks: Sequence[int],
        num_classes: int,
        initialise: Callable[[nn.Module], None] | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = convolution(3, stem_channels, stem_kernel)
        self.bn1 = nn.BatchNorm2d(stem_channels)
        channels = self._add_stages(block, stem_channels, planes, blocks)
        self._initialise = initialise
        self.initialise(self)
        self.fc = nn.Linear(channels, num_classes)

    def _add_stages(self, block: BlockFactory, channels: int, planes: Sequence[int], blocks: Sequence[int]) -> int:
        stage_channels: dict[str, int] = {}
        for number, (width, count) in enumerate(zip(planes, blocks, strict=True), start=1):
            stage = nn.Sequential()
            for index in range(count):
                stage.append(added := block(channels, width, 2 if number > 1 and index == 0 else 1))
                channels = added.out_channels
            self.add_module(f"layer{number}", stage)
            stage_channels[f"layer{number}"] = channels
        self.set_stages(stage_channels)
        return channels

    def initialise(self, module: nn.Module) -> None:
        """Apply the network's ``initialise``, if it has one, to every module in ``module``."""
        if self._initialise is not None:
            module.apply(self._initialise)

    def stage_features(self, images: Tensor) -> dict[str, Tensor]:
        """Return the maps of all stages from one pass; the first has the images' size, each later one half the side."""
        features = F.relu(self.bn1(self.conv1(images)))
        maps: dict[str, Tensor] = {}
        for name in self.stages:
            maps[name] = features = getattr(self, name)(features)
        return maps

    def classify(self, pooled: Tensor) -> Tensor:
        """Return the logits ``(B, K)`` of pooled features ``(B, C)``."""
        logits: Tensor = self.fc(pooled)
        return logits


def fan_out_normal(module: nn.Module) -> None:
    """Draw a convolution's weights from N(0, sqrt(2 / (k^2 out))), the Kaiming normal with fan-out and ReLU gain."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
