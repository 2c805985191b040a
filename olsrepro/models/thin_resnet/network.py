"""Thin CIFAR ResNets: three stages of 16, 32, 64 planes."""

from __future__ import annotations

from olsrepro.models.backbone import Backbone
from olsrepro.models.residual import BasicBlock, Bottleneck, ResidualNetwork, fan_out_normal
from olsrepro.models.settings import scaled, scaled_blocks
from olsrepro.models.thin_resnet.settings import Settings

PLANES = (16, 32, 64)


def build(settings: Settings, num_classes: int) -> Backbone:
    """Build the network ``(B, 3, H, W) -> (B, num_classes)``; maps of ``layer1``..``layer3`` have side H, H/2, H/4.

    Widths of the stages are 64, 128, 256 with bottleneck blocks and 16, 32, 64 with basic ones. Convolution weights are
    drawn from N(0, sqrt(2 / (k^2 out))), the classifier by PyTorch's default. Source: He et al. 2016, section 4.2;
    OnlineLabelSmoothing, ``cifar/models/resnet.py``.
    """
    planes = [scaled(count, settings.width) for count in PLANES]
    return ResidualNetwork(
        Bottleneck if settings.block == "bottleneck" else BasicBlock,
        stem_channels=planes[0],
        stem_kernel=3,
        planes=planes,
        blocks=scaled_blocks([settings.blocks_per_stage] * len(planes), settings.depth_factor),
        num_classes=num_classes,
        initialise=fan_out_normal,
    )
