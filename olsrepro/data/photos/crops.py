"""Crops of a photograph: a window of its resized form, a part of the original, or its middle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image
from torch import Tensor

from olsrepro.data.dataset import Geometry
from olsrepro.data.photos.decode import Pixels, centred, decoded, planes, resized
from olsrepro.data.photos.draws import Box, DrawAddress, attempts, corners, part_of
from olsrepro.data.photos.notice import reading


@dataclass
class Picture:
    """A photograph that is read when it is first looked at, and once; ``stored`` is its resized form, if kept."""

    path: Path
    geometry: Geometry
    stored: Pixels | None = None

    @cached_property
    def original(self) -> Image.Image:
        """Image as it is in its file.

        Raises:
            Unreadable: it can't be decoded.
        """
        reading(str(self.path))
        return decoded(self.path)

    @cached_property
    def resized(self) -> Pixels:
        """Pixels after the first transform, (3, H, W)."""
        return planes(resized(self.original, self.geometry)) if self.stored is None else self.stored


Crop = Callable[[Picture, int], Pixels]
"""Function of a picture and a row of a batch to the pixels (3, S, S) that the sample in that row gets."""


def crop_of(kind: str, geometry: Geometry, address: DrawAddress, samples: Tensor) -> Crop:
    """Draw the crops of a batch of samples (int64 (B,)); ``kind`` as in ``AugmentSettings.crop``."""
    return {"window": _windows, "resized": _parts, "centre": _middles}[kind](geometry, address, samples)


def window(pixels: Pixels, top: int, left: int, side: int) -> Pixels:
    """Cut a square out of planes (3, H, W); a view."""
    return pixels[:, top : top + side, left : left + side]


def resized_part(image: Image.Image, box: Box, side: int) -> Image.Image:
    """Scale a part of an image to ``side`` pixels square, bit for bit torchvision's ``resized_crop``."""
    part = image.crop((box.left, box.top, box.left + box.width, box.top + box.height))
    return part.resize((side, side), Image.Resampling.BILINEAR)


def _windows(geometry: Geometry, address: DrawAddress, samples: Tensor) -> Crop:
    drawn, side = corners(address, samples), geometry.side

    def crop(picture: Picture, row: int) -> Pixels:
        pixels, corner = picture.resized, drawn[row]
        _, height, width = pixels.shape
        return window(pixels, corner.y.below(height - side + 1), corner.x.below(width - side + 1), side)

    return crop


def _parts(geometry: Geometry, address: DrawAddress, samples: Tensor) -> Crop:
    drawn = attempts(address, samples)

    def crop(picture: Picture, row: int) -> Pixels:
        image = picture.original
        return planes(resized_part(image, part_of(image.height, image.width, drawn[row]), geometry.side))

    return crop


def _middles(geometry: Geometry, address: DrawAddress, samples: Tensor) -> Crop:
    return lambda picture, row: centred(picture.resized, geometry.side)
