"""Layers between a detector's trunk and its heads: spatial pyramid pooling and path aggregation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

POOLS = (5, 9, 13)


def unit(channels: int, out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Build a convolution without bias, BN, LeakyReLU: ``(B, channels, h, w) -> (B, out, h / stride, w / stride)``.

    The slope is torch's 0.01, as in the authors' detector; YOLOv4's own is 0.1.
    """
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(out),
        nn.LeakyReLU(0.01, inplace=True),
    )


def alternating(channels: int, narrow: int, pairs: int) -> nn.Sequential:
    """Build a 1 x 1 unit to ``narrow`` channels, then ``pairs`` of a 3 x 3 unit to twice as many and a 1 x 1 back."""
    return nn.Sequential(
        unit(channels, narrow, 1),
        *(nn.Sequential(unit(narrow, 2 * narrow, 3), unit(2 * narrow, narrow, 1)) for _ in range(pairs)),
    )


class PyramidPooling(nn.Module):
    """Narrowed map, concatenated with its maxima over 5 x 5, 9 x 9 and 13 x 13 cells.

    ``(B, channels, h, w) -> (B, 4 * narrow, h, w)``. Source: He et al. 2014, as YOLOv4 uses it.
    """

    def __init__(self, channels: int, narrow: int, pairs: int) -> None:
        super().__init__()
        self.units = alternating(channels, narrow, pairs)
        self.pools = nn.ModuleList(nn.MaxPool2d(kernel, stride=1, padding=kernel // 2) for kernel in POOLS)

    def forward(self, features: Tensor) -> Tensor:
        """Concatenate the narrowed map and its maxima along the channels."""
        features = self.units(features)
        return torch.cat([features, *(pool(features) for pool in self.pools)], dim=1)


class PathAggregation(nn.Module):
    """Mixing of maps of rising stride, first from the coarsest to the finest, then back (PANet, Liu et al. 2018).

    Args:
        channels: channels of the input maps, finest first; each map's side is half the previous one's.
        narrow: channels of the output maps.
        short: pairs of units (:func:`alternating`) that narrow the coarsest map.
        long: pairs of units after every concatenation.
    """

    def __init__(self, channels: Sequence[int], narrow: Sequence[int], short: int, long: int) -> None:
        super().__init__()
        *finer, coarsest = zip(channels, narrow, strict=True)
        steps = list(pairwise(narrow))
        self.enter = nn.ModuleList(
            [*(unit(before, after, 1) for before, after in finer), alternating(*coarsest, short)]
        )
        self.rise = nn.ModuleList(unit(coarse, fine, 1) for fine, coarse in steps)
        self.merge_up = nn.ModuleList(alternating(2 * fine, fine, long) for fine, _ in steps)
        self.sink = nn.ModuleList(unit(fine, coarse, 3, stride=2) for fine, coarse in steps)
        self.merge_down = nn.ModuleList(alternating(2 * coarse, coarse, long) for _, coarse in steps)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return maps ``(B, narrow[i], h, w)`` of the same sizes as the inputs, finest first."""
        maps = [enter(entering) for enter, entering in zip(self.enter, features, strict=True)]
        for at, (rise, merge) in reversed(list(enumerate(zip(self.rise, self.merge_up, strict=True)))):
            maps[at] = merge(torch.cat([maps[at], F.interpolate(rise(maps[at + 1]), scale_factor=2.0)], dim=1))
        for at, (sink, merge) in enumerate(zip(self.sink, self.merge_down, strict=True)):
            maps[at + 1] = merge(torch.cat([sink(maps[at]), maps[at + 1]], dim=1))
        return maps
