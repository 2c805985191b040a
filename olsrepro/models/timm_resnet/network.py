"""ImageNet ResNets: a 7 x 7 stem of stride 2, max pooling, bottlenecks that carry the stride on their 3 x 3."""

from __future__ import annotations

import timm
from torch import nn

from olsrepro.models.backbone import Backbone
from olsrepro.models.residual import fan_out_normal
from olsrepro.models.settings import scaled, scaled_blocks
from olsrepro.models.staged import StagedNetwork
from olsrepro.models.timm_resnet.settings import BLOCKS, Settings

PLANES = (64, 128, 256, 512)


def build(settings: Settings, num_classes: int) -> Backbone:
    """Build the network ``(B, 3, H, W) -> (B, num_classes)``; maps of ``layer1``..``layer4`` have side H/4, ..., H/32.

    It is timm's ``resnet50`` or ``resnet101``, but all BN weights start at 1 like the authors', while timm's default
    starts the last one of each block at 0. Convolutions are drawn from the Kaiming normal distribution (fan-out, ReLU),
    the classifier by torch's default. Source: OnlineLabelSmoothing, ``cifar/models/resnet.py``.
    """
    net = timm.create_model(
        f"resnet{settings.depth}",
        layers=scaled_blocks(BLOCKS[settings.depth], settings.depth_factor),
        channels=[scaled(count, settings.width) for count in PLANES],
        num_classes=0,
        zero_init_last=False,
    )
    stem = nn.Sequential()
    for name in ("conv1", "bn1", "act1", "maxpool"):
        stem.add_module(name, net.get_submodule(name))
    return StagedNetwork(
        net,
        stem=stem,
        stages={name: net.get_submodule(name) for name in ("layer1", "layer2", "layer3", "layer4")},
        num_classes=num_classes,
        initialise=fan_out_normal,
    )
