"""MobileNetV2 from torchvision's layers: inverted residuals with linear bottlenecks, ReLU6."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from torch import nn
from torchvision.models import MobileNetV2

from olsrepro.models.backbone import Backbone
from olsrepro.models.settings import scaled_blocks
from olsrepro.models.staged import StagedNetwork, StagedTrunk, stages_by_stride
from olsrepro.models.torchvision_mobilenet.settings import Settings

EXPANSIONS = (1, 6, 6, 6, 6, 6, 6)
CHANNELS = (16, 24, 32, 64, 96, 160, 320)
BLOCKS = (1, 2, 3, 4, 3, 3, 1)
STRIDES = (1, 2, 2, 2, 1, 2, 1)


def build(settings: Settings, num_classes: int) -> Backbone:
    """Build the network ``(B, 3, H, W) -> (B, num_classes)``; maps of ``stage1``..``stage5`` have side H/2, ..., H/32.

    It is torchvision's ``mobilenet_v2``, drawn in the same way (:func:`fan_out_normal_and_narrow_linear`). Sources:
    Sandler et al. 2018, Table 2; OnlineLabelSmoothing, ``fine-grained/``.
    """
    library, stem, stages = _layers(settings.width, settings.depth_factor)
    return StagedNetwork(
        library,
        stem=stem,
        stages=stages,
        num_classes=num_classes,
        initialise=fan_out_normal_and_narrow_linear,
        dropout=settings.dropout,
    )


def build_trunk(width: float, depth_factor: float) -> StagedTrunk:
    """Build the network without its classifier, for a network of another task."""
    library, stem, stages = _layers(width, depth_factor)
    return StagedTrunk(library, stem=stem, stages=stages)


def _layers(width: float, depth_factor: float) -> tuple[nn.Module, nn.Module, dict[str, nn.Module]]:
    """Build torchvision's network and return it, its stem and its stages."""
    blocks = scaled_blocks(BLOCKS, depth_factor)
    net = MobileNetV2(
        width_mult=width,
        inverted_residual_setting=list(zip(EXPANSIONS, CHANNELS, blocks, STRIDES, strict=True)),
    )
    stem, *layers, head = net.features
    return net, stem, stages_by_stride(_rows(layers, blocks), STRIDES, head)


def _rows(layers: Sequence[nn.Module], counts: Sequence[int]) -> Iterator[nn.Module]:
    remaining = iter(layers)
    return (nn.Sequential(*islice(remaining, count)) for count in counts)


def fan_out_normal_and_narrow_linear(module: nn.Module) -> None:
    """Draw a convolution from the Kaiming normal (fan-out), a linear layer from N(0, 0.01); biases start at 0."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
