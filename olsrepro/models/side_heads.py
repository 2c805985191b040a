"""Side heads: classifiers on the maps of a backbone's earlier stages (Zhang et al., "Be Your Own Teacher", 2019)."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from olsrepro.models.backbone import Backbone
from olsrepro.settings import UserError

_SHRINK = 8


class SideHead(nn.Module):
    """Classifier that brings a stage's map to the last stage's width by a bottleneck, then pools and classifies it.

    The convolutions are 1 x 1, k x k of stride k without padding, and 1 x 1, each with a bias, BN and ReLU, a quarter
    of the last stage's width in between. Source: OnlineLabelSmoothing, ``cifar/models/iccv19_resnet_ds.py``,
    ``multi_resnext.py``.

    Args:
        in_channels: channels of the stage's map.
        out_channels: channels of the last stage's map.
        k: factor by which the map's side is reduced.
        num_classes: K.
    """

    def __init__(self, in_channels: int, out_channels: int, k: int, num_classes: int) -> None:
        super().__init__()
        planes = max(1, out_channels // 4)
        self.conv1 = nn.Conv2d(in_channels, planes, 1)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, k, stride=k)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, out_channels, 1)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.fc = nn.Linear(out_channels, num_classes)

    def bottleneck(self, features: Tensor) -> Tensor:
        """Compute the map that is pooled: ``(B, in_channels, h, w) -> (B, out_channels, h // k, w // k)``."""
        features = F.relu(self.bn1(self.conv1(features)))
        features = F.relu(self.bn2(self.conv2(features)))
        return F.relu(self.bn3(self.conv3(features)))

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits ``(B, K)`` of a stage's map ``(B, in_channels, h, w)``."""
        logits: Tensor = self.fc(self.bottleneck(features).mean(dim=(2, 3)))
        return logits


def side_heads(backbone: Backbone, num_classes: int, image_size: int) -> nn.ModuleDict:
    """Build a side head for each stage but the last, by the stage's name, first to last; the backbone is unchanged.

    Layers are drawn as the backbone draws its own (:meth:`Backbone.initialise`), from torch's generator.

    Args:
        backbone: any; only its named stages are used.
        num_classes: K.
        image_size: side of the square images in pixels; it determines the strides, see :func:`strides`.

    Raises:
        UserError: the backbone has only one stage.
    """
    *early, last = backbone.stages
    if not early:
        raise UserError(f"side heads need a backbone with two or more stages, this one has only {last}; choose another")
    channels, heads = backbone.stage_channels, nn.ModuleDict()
    for name, k in strides(map_sides(backbone, image_size)).items():
        heads[name] = SideHead(channels[name], channels[last], k, num_classes)
        backbone.initialise(heads[name])
    return heads


def strides(sides: dict[str, int]) -> dict[str, int]:
    """Compute k for each stage but the last from the sides of all stages' maps, so that all heads end on the same side.

    It is an eighth of the first map's side, but no more than the last map's. A ResNet's heads end like its last stage;
    a ResNeXt-29's on 4 x 4 maps although its own last map is 8 x 8 (OnlineLabelSmoothing, ``multi_resnext.py``).
    """
    *early, last = sides
    side = max(1, min(sides[last], sides[early[0]] // _SHRINK))
    return {name: max(1, sides[name] // side) for name in early}


@torch.no_grad()
def map_sides(backbone: Backbone, image_size: int) -> dict[str, int]:
    """Return the side of each stage's map in pixels, found on a copy on the meta device that computes nothing."""
    probe = copy.deepcopy(backbone).to("meta").eval()
    images = torch.empty(1, 3, image_size, image_size, device="meta", dtype=next(probe.parameters()).dtype)
    return {name: features.shape[-1] for name, features in probe.stage_features(images).items()}
