"""EfficientNet-b7 from timm's blocks: inverted residuals with squeeze-and-excitation, SiLU."""

from __future__ import annotations

import math
from functools import partial

from timm.models._efficientnet_builder import decode_arch_def, round_channels
from timm.models.efficientnet import EfficientNet
from torch import nn

from olsrepro.models.backbone import Backbone
from olsrepro.models.settings import scaled_blocks
from olsrepro.models.staged import StagedNetwork, stages_by_stride
from olsrepro.models.timm_efficientnet.settings import Settings

BASE = (
    ("ds", 3, 1, 1, 16),
    ("ir", 3, 2, 6, 24),
    ("ir", 5, 2, 6, 40),
    ("ir", 3, 2, 6, 80),
    ("ir", 5, 1, 6, 112),
    ("ir", 5, 2, 6, 192),
    ("ir", 3, 1, 6, 320),
)
"""Rows of b0: kind of block, kernel, stride, expansion, channels."""
BLOCKS = (4, 7, 7, 10, 10, 13, 4)
"""Blocks of b7's rows: those of b0 times 3.1, rounded up."""
WIDTH = 2.0
STEM, HEAD = 32, 1280
PADDING_AND_EPSILON = {"tf_efficientnet_b7": ("same", 1e-3), "efficientnet_b7": ("", 1e-5)}


def build(settings: Settings, num_classes: int) -> Backbone:
    """Build the network ``(B, 3, H, W) -> (B, num_classes)``; maps of ``stage1``..``stage5`` have side H/2, ..., H/32.

    It equals ``timm.create_model(settings.model)``, which has no factors for width and depth. Weights are drawn as in
    timm (:func:`fan_out_per_group`). Sources: Tan and Le 2019; EfficientNet-PyTorch for dropout, drop path, BN.
    """
    net = _network(settings)
    return StagedNetwork(
        net,
        stem=nn.Sequential(net.conv_stem, net.bn1),
        stages=stages_by_stride(net.blocks, (row[2] for row in BASE), head=nn.Sequential(net.conv_head, net.bn2)),
        num_classes=num_classes,
        initialise=fan_out_per_group,
        dropout=settings.dropout,
    )


def _network(settings: Settings) -> EfficientNet:
    padding, epsilon = PADDING_AND_EPSILON[settings.model]
    rounded = partial(round_channels, multiplier=WIDTH * settings.width)
    rows = zip(BASE, scaled_blocks(BLOCKS, settings.depth_factor), strict=True)
    arch = [[_row(*row, count)] for row, count in rows]
    return EfficientNet(
        block_args=decode_arch_def(arch),  # type: ignore[no-untyped-call,unused-ignore]  # typed in some releases
        num_classes=0,
        stem_size=STEM,
        num_features=rounded(HEAD),
        round_chs_fn=rounded,
        pad_type=padding,
        act_layer=nn.SiLU,
        norm_layer=partial(nn.BatchNorm2d, eps=epsilon, momentum=settings.bn_momentum),
        drop_path_rate=settings.drop_path,
    )


def _row(kind: str, kernel: int, stride: int, expansion: int, channels: int, count: int) -> str:
    """Write a row of blocks in timm's notation."""
    return f"{kind}_r{count}_k{kernel}_s{stride}_e{expansion}_c{channels}_se0.25"


def fan_out_per_group(module: nn.Module) -> None:
    """Draw a layer as TensorFlow's EfficientNet does; biases start at 0.

    Convolutions come from N(0, sqrt(2 / (k^2 out / groups))), linear layers are uniform in +-1 / sqrt(out).
    """
    if isinstance(module, nn.Conv2d):
        fan_out = math.prod(module.kernel_size) * module.out_channels // module.groups
        nn.init.normal_(module.weight, 0, math.sqrt(2 / fan_out))
    elif isinstance(module, nn.Linear):
        bound = 1 / math.sqrt(module.out_features)
        nn.init.uniform_(module.weight, -bound, bound)
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
