"""Self-attention in windows: weights from pairs of positions or from whole patches, shared by channels of the values.

Layers have the same names as SAN's, so that its weights fit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from olsrepro.models.san.aggregation import aggregate
from olsrepro.models.san.windows import unfolded

SHARE = 8
"""Channels of the values that share a weight."""


class WindowAttention(nn.Module, ABC):
    """Attention ``(B, channels, H, W) -> (B, values, H, W)``: ``values / 8`` weights sum values over k x k windows.

    ``conv1``, ``conv2``, ``conv3`` give the queries, the keys (``relation`` channels) and the values. Source: Zhao et
    al., "Exploring Self-attention for Image Recognition", 2020; SAN, ``model/san.py``.
    """

    conv_w: nn.Sequential

    def __init__(self, channels: int, relation: int, values: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.conv1 = nn.Conv2d(channels, relation, 1)
        self.conv2 = nn.Conv2d(channels, relation, 1)
        self.conv3 = nn.Conv2d(channels, values, 1)

    @abstractmethod
    def weights(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Compute weights ``(B, g, k^2, H W)`` from queries and keys ``(B, relation, H, W)``; windows go row by row."""

    def forward(self, features: Tensor) -> Tensor:
        """Map ``(B, channels, H, W)`` to ``(B, values, H, W)``, ``H, W > k // 2``."""
        weights = self.weights(self.conv1(features), self.conv2(features))
        return aggregate(weights.view(*weights.shape[:3], *features.shape[-2:]), self.conv3(features), self.kernel)


class PairwiseAttention(WindowAttention):
    """Attention by differences of two positions' features and coordinates alone, softmax over the window.

    The batch norms of ``conv_w`` normalise over batch, window and positions.
    """

    def __init__(self, channels: int, relation: int, values: int, kernel: int) -> None:
        super().__init__(channels, relation, values, kernel)
        self.conv_w = _weight_layers(relation + 2, relation, values // SHARE)
        self.conv_p = nn.Conv2d(2, 2, 1)

    def weights(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Compute the weights ``(B, g, k^2, H W)``, which sum to 1 over the window."""
        places = self.conv_p(positions(queries))
        apart = self._differences(places, places).expand(len(queries), -1, -1, -1)
        weights: Tensor = self.conv_w(torch.cat([self._differences(queries, keys), apart], 1))
        return weights.softmax(2)

    def _differences(self, queries: Tensor, keys: Tensor) -> Tensor:
        return queries.flatten(2).unsqueeze(2) - unfolded(keys, self.kernel)


class PatchwiseAttention(WindowAttention):
    """Attention with all weights of a window from its centre's query and all its keys; no softmax, no coordinates."""

    def __init__(self, channels: int, relation: int, values: int, kernel: int) -> None:
        super().__init__(channels, relation, values, kernel)
        groups, window = values // SHARE, kernel * kernel
        self.conv_w = _weight_layers(relation * (window + 1), groups, groups * window)

    def weights(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Compute the weights ``(B, g, k^2, H W)``, any real numbers."""
        patches = unfolded(keys, self.kernel).flatten(1, 2)
        weights: Tensor = self.conv_w(torch.cat([queries.flatten(2), patches], 1).unsqueeze(2))
        return weights.view(len(weights), -1, self.kernel * self.kernel, weights.shape[-1])


def positions(features: Tensor) -> Tensor:
    """Return the coordinates ``(1, 2, H, W)`` of a map ``(B, C, H, W)``: x, then y, each from -1 to 1."""
    height, width = features.shape[-2:]
    y, x = (torch.linspace(-1, 1, side, dtype=features.dtype, device=features.device) for side in (height, width))
    return torch.stack([x.expand(height, -1), y.unsqueeze(1).expand(-1, width)]).unsqueeze(0)


def _weight_layers(channels: int, hidden: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, hidden, 1, bias=False),
        nn.BatchNorm2d(hidden),
        nn.ReLU(),
        nn.Conv2d(hidden, out_channels, 1),
    )
