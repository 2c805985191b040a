"""What is cut out of a photograph: a window of its resized form, a part of the original, or its middle."""

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
        """As it is in its file.

        Raises:
            Unreadable: it can't be decoded.
        """
        reading(str(self.path))
        return decoded(self.path)

    @cached_property
    def resized(self) -> Pixels:
        """After the first transform, (3, H, W)."""
        return planes(resized(self.original, self.geometry)) if self.stored is None else self.stored


Crop = Callable[[Picture, int], Pixels]
"""The pixels (3, S, S) that the sample in a row of a batch gets of its picture."""


def crop_of(kind: str, geometry: Geometry, place: DrawAddress, samples: Tensor) -> Crop:
    """How a batch of samples (int64 (B,)) is cropped; ``kind`` as in ``AugmentSettings.crop``."""
    return {"window": _windows, "resized": _parts, "centre": _middles}[kind](geometry, place, samples)


def window(pixels: Pixels, top: int, left: int, side: int) -> Pixels:
    """A square of planes (3, H, W); a view."""
    return pixels[:, top : top + side, left : left + side]


def resized_part(image: Image.Image, box: Box, side: int) -> Image.Image:
    """A part of an image at ``side`` pixels square, bit for bit torchvision's ``resized_crop``."""
    part = image.crop((box.left, box.top, box.left + box.width, box.top + box.height))
    return part.resize((side, side), Image.Resampling.BILINEAR)


def _windows(geometry: Geometry, place: DrawAddress, samples: Tensor) -> Crop:
    drawn, side = corners(place, samples), geometry.side

    def crop(picture: Picture, row: int) -> Pixels:
        pixels, corner = picture.resized, drawn[row]
        _, height, width = pixels.shape
        return window(pixels, corner.y.below(height - side + 1), corner.x.below(width - side + 1), side)

    return crop


def _parts(geometry: Geometry, place: DrawAddress, samples: Tensor) -> Crop:
    drawn = attempts(place, samples)

    def crop(picture: Picture, row: int) -> Pixels:
        image = picture.original
        return planes(resized_part(image, part_of(image.height, image.width, drawn[row]), geometry.side))

    return crop


def _middles(geometry: Geometry, place: DrawAddress, samples: Tensor) -> Crop:
    return lambda picture, row: centred(picture.resized, geometry.side)
