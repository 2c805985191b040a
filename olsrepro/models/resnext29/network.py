"""CIFAR ResNeXt-29: three stages of three grouped bottlenecks after a 1 x 1 stem."""

from __future__ import annotations

from functools import partial

from olsrepro.models.backbone import Backbone
from olsrepro.models.residual import Bottleneck, ResidualNetwork
from olsrepro.models.resnext29.settings import Settings
from olsrepro.models.settings import scaled, scaled_blocks

STEM_CHANNELS = 64
GROUP_WIDTHS = (128, 256, 512)
BLOCKS = (3, 3, 3)


def build(settings: Settings, num_classes: int) -> Backbone:
    """Build the network ``(B, 3, H, W) -> (B, num_classes)``; maps of ``layer1``..``layer3`` have side H, H/2, H/4.

    Widths of the stages are 256, 512, 1024 whatever the cardinality. The stem is the authors' 1 x 1 convolution, not
    the 3 x 3 of Xie et al. 2017, and every weight is drawn by PyTorch's default. Source: OnlineLabelSmoothing,
    ``cifar/models/resnext.py``.
    """
    return ResidualNetwork(
        partial(Bottleneck, groups=settings.cardinality, expansion=2),
        stem_channels=scaled(STEM_CHANNELS, settings.width),
        stem_kernel=1,
        planes=[scaled(count, settings.width, settings.cardinality) for count in GROUP_WIDTHS],
        blocks=scaled_blocks(BLOCKS, settings.depth_factor),
        num_classes=num_classes,
    )
