"""SAN: a 1 x 1 stem and five stages of self-attention blocks, each stage on a map of half the side."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from olsrepro.models.backbone import Backbone
from olsrepro.models.residual import convolution
from olsrepro.models.san.attention import SHARE, PairwiseAttention, PatchwiseAttention, WindowAttention
from olsrepro.models.san.settings import BLOCKS, Settings
from olsrepro.models.settings import scaled, scaled_blocks

CHANNELS = (64, 256, 512, 1024, 2048)
KERNELS = (3, 7, 7, 7, 7)
STEM_CHANNELS = 64
ATTENTION: dict[str, type[WindowAttention]] = {"pairwise": PairwiseAttention, "patchwise": PatchwiseAttention}


def build(settings: Settings, num_classes: int) -> Backbone:
    """Build the network ``(B, 3, H, W) -> (B, num_classes)``; maps of ``layer0``..``layer4`` have side H/2, ..., H/32.

    H and W are at least 128, odd sides are rounded down. Weights are drawn by PyTorch's defaults; keys and shapes of
    the state dict are the same as SAN's. Source: SAN, ``model/san.py``.
    """
    blocks = scaled_blocks(BLOCKS[settings.depth], settings.depth_factor)
    return SelfAttentionNetwork(ATTENTION[settings.sa_type], blocks, settings.width, num_classes)


class SelfAttentionBlock(nn.Module):
    """Pre-activation block: BN, ReLU, attention to a quarter of the channels, BN, ReLU, 1 x 1 back, plus identity."""

    def __init__(self, attention: type[WindowAttention], channels: int, kernel: int, width: float) -> None:
        super().__init__()
        full, values = scaled(channels, width), scaled(channels // 4, width, SHARE)
        self.bn1 = nn.BatchNorm2d(full)
        self.sam = attention(full, scaled(channels // 16, width), values, kernel)
        self.bn2 = nn.BatchNorm2d(values)
        self.conv = nn.Conv2d(values, full, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        attended = self.sam(F.relu(self.bn1(features)))
        out: Tensor = features + self.conv(F.relu(self.bn2(attended)))
        return out


class SelfAttentionNetwork(Backbone):
    """Network of self-attention blocks; ``blocks`` holds one number per stage, ``width`` multiplies all channels."""

    def __init__(self, attention: type[WindowAttention], blocks: Sequence[int], width: float, num_classes: int) -> None:
        super().__init__()
        channels = scaled(STEM_CHANNELS, width)
        self.conv_in = convolution(3, channels, 1)
        self.bn_in = nn.BatchNorm2d(channels)
        stage_channels: dict[str, int] = {}
        for number, (planes, kernel, count) in enumerate(zip(CHANNELS, KERNELS, blocks, strict=True)):
            stage = [SelfAttentionBlock(attention, planes, kernel, width) for _ in range(count)]
            full = scaled(planes, width)
            self.add_module(f"conv{number}", convolution(channels, full, 1))
            self.add_module(f"bn{number}", nn.BatchNorm2d(full))
            self.add_module(f"layer{number}", nn.Sequential(*stage))
            stage_channels[f"layer{number}"] = channels = full
        self.set_stages(stage_channels)
        self.fc = nn.Linear(channels, num_classes)

    def stage_features(self, images: Tensor) -> dict[str, Tensor]:
        """Return the maps of all stages from one pass; the first has half the images' side, each next half of that."""
        features = F.relu(self.bn_in(self.conv_in(images)))
        maps: dict[str, Tensor] = {}
        for number, name in enumerate(self.stages):
            maps[name] = features = self._stage(number, F.max_pool2d(features, 2))
        return maps

    def _stage(self, number: int, features: Tensor) -> Tensor:
        for part in ("conv", "layer", "bn"):
            features = getattr(self, f"{part}{number}")(features)
        return F.relu(features)

    def classify(self, pooled: Tensor) -> Tensor:
        """Return the logits ``(B, K)`` of pooled features ``(B, C)``."""
        logits: Tensor = self.fc(pooled)
        return logits
