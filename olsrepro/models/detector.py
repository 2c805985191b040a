"""Interface of a detector: a trunk whose weights can come from a classifier, and raw maps at several strides."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from olsrepro.models.staged import StagedTrunk
from olsrepro.models.weight_names import own_names

ANCHORS = 3
"""Boxes that each cell of a raw map predicts."""


class Detector(nn.Module, ABC):
    """Network from images ``(B, 3, H, W)`` to one raw map per stride, finest first.

    H and W are multiples of the coarsest stride. A raw map is ``(B, 3 * (5 + K), H / stride, W / stride)``: for every
    cell and each of its three anchors x, y, width, height, objectness and K classes, before any sigmoid.
    """

    strides: ClassVar[tuple[int, ...]] = (8, 16, 32)
    """Pixels of the image per cell of a raw map."""
    trunk: StagedTrunk
    """Part of the network that can start from a classifier's weights."""

    def weight_names(self) -> list[dict[str, str]]:
        """List the names that a file may use, by our keys: a classifier's for the trunk alone, then a detector's."""
        of_trunk = ({f"trunk.{key}": name for key, name in names.items()} for names in self.trunk.weight_names())
        return [*of_trunk, own_names(self)]

    @abstractmethod
    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the raw maps of images ``(B, 3, H, W)``, one for each of ``strides``."""
