"""ImageNet ResNets with a CIFAR stem: a 3 x 3 convolution of stride 1 and no max pooling."""

from __future__ import annotations

from olsrepro.models.backbone import Backbone
from olsrepro.models.cifar_resnet.settings import BLOCKS, Settings
from olsrepro.models.residual import BasicBlock, Bottleneck, ResidualNetwork, fan_out_normal
from olsrepro.models.settings import scaled, scaled_blocks

PLANES = (64, 128, 256, 512)


def build(settings: Settings, num_classes: int) -> Backbone:
    """Build the network ``(B, 3, H, W) -> (B, num_classes)``; maps of ``layer1``..``layer4`` have side H, ..., H/8.

    Widths of the stages are 64, 128, 256, 512 up to depth 34 and four times that beyond. Keys and shapes of the state
    dict are torchvision's, except ``conv1.weight``. Convolutions are drawn from the Kaiming normal distribution
    (fan-out, ReLU). The authors' class also has unused branches; they are left out. Source: OnlineLabelSmoothing,
    ``cifar/models/iccv19_resnet.py``.
    """
    planes = [scaled(count, settings.width) for count in PLANES]
    return ResidualNetwork(
        Bottleneck if settings.depth >= 50 else BasicBlock,
        stem_channels=planes[0],
        stem_kernel=3,
        planes=planes,
        blocks=scaled_blocks(BLOCKS[settings.depth], settings.depth_factor),
        num_classes=num_classes,
        initialise=fan_out_normal,
    )
