"""Images in a square with their aspect ratio kept: resized until they touch its sides, the rest is grey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from olsrepro.data.photos.decode import Pixels, planes

GREY = 128


@dataclass(frozen=True)
class Placement:
    """Position of an image in its letter-box; boxes are edges x1, y1, x2, y2 in pixels.

    Attributes:
        width, height: of the image as it was.
        side: of the letter-box.
        is_mirrored: whether the letter-box was mirrored left to right.
    """

    width: int
    height: int
    side: int
    is_mirrored: bool = False

    @property
    def inner(self) -> tuple[int, int]:
        """Width and height of the resized image: the longer is ``side``, the other whole pixels, rounded down."""
        longer = max(self.width, self.height)
        return max(1, self.side * self.width // longer), max(1, self.side * self.height // longer)

    @property
    def corner(self) -> tuple[int, int]:
        """Columns of grey to the left of it and rows above it."""
        width, height = self.inner
        return (self.side - width) // 2, (self.side - height) // 2

    def placed(self, boxes: Tensor) -> Tensor:
        """Map boxes (N, 4) of the image to the letter-box."""
        found = boxes * self._scale(boxes) + self._offset(boxes)
        return mirrored(found, self.side) if self.is_mirrored else found

    def restored(self, boxes: Tensor) -> Tensor:
        """Map boxes (N, 4) of the letter-box back to the image, and cut them at its border."""
        found = mirrored(boxes, self.side) if self.is_mirrored else boxes
        found = (found - self._offset(boxes)) / self._scale(boxes)
        return found.clamp(min=0).minimum(found.new_tensor([self.width, self.height] * 2))

    def _scale(self, boxes: Tensor) -> Tensor:
        width, height = self.inner
        return boxes.new_tensor([width / self.width, height / self.height] * 2)

    def _offset(self, boxes: Tensor) -> Tensor:
        return boxes.new_tensor(self.corner * 2)


def mirrored(boxes: Tensor, width: float) -> Tensor:
    """Mirror boxes (N, 4) left to right in an image of this width."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack([width - x2, y1, width - x1, y2], dim=-1)


def letterboxed(image: Image.Image, placement: Placement) -> Pixels:
    """Put an RGB image in its letter-box, uint8 (3, S, S); bilinear, as Pillow does it, so that shrinking averages."""
    sheet = np.full((3, placement.side, placement.side), GREY, dtype=np.uint8)
    (left, top), (width, height) = placement.corner, placement.inner
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    sheet[:, top : top + height, left : left + width] = planes(resized)
    return np.ascontiguousarray(sheet[:, :, ::-1]) if placement.is_mirrored else sheet
