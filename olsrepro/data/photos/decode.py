"""RGB pixels of one size from image files, bit for bit what torchvision's transforms make of Pillow images."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from olsrepro.data.dataset import Geometry, Size
from olsrepro.settings import UserError

Pixels = npt.NDArray[np.uint8]
"""Planes of red, green and blue, (3, H, W)."""

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
"""Formats that a data set may hold, whatever its files are called.

Pillow tries all that it knows unless it is given these, and some of them start other programs: EPS calls Ghostscript.
"""


class Unreadable(UserError):
    """An image file that can't be decoded; ``path`` says which, ``reason`` why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)  # both, so that the error can be pickled
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"{self.path} can't be decoded ({self.reason}); put the original file there, "
            "or leave such images out with dataset.skip_unreadable=true"
        )


class Foreign(Unreadable):
    """An image that its annotation was not made for."""

    def __str__(self) -> str:
        return f"{self.path} does not belong to its annotation: it has {self.reason}; put the published files there"


def decoded(path: str | Path) -> Image.Image:
    """Decode an image file as RGB, whatever its mode (grey, CMYK, palette) and format; EXIF rotation is ignored.

    Raises:
        Unreadable: the file is missing, truncated, damaged or not an image.
    """
    with _opened(path) as image:
        image.load()
        return image if image.mode == "RGB" else image.convert("RGB")


def check_decodes(path: str | Path) -> tuple[int, int]:
    """Read all of an image file, a JPEG at an eighth of its size, which takes half the time of decoding it.

    Returns:
        width and height of the image that :func:`decoded` would return.

    Raises:
        Unreadable: as :func:`decoded` would.
    """
    with _opened(path) as image:
        size = image.size
        image.draft(None, (1, 1))
        image.load()
        return size


def check_size(path: str | Path, size: Size, stated: Size | None) -> None:
    """Compare the size of a decoded image with the one that its annotation states, if it has an annotation.

    VOC's annotations count the pixels as they are stored: a tool that turned them by their EXIF data, or resized them,
    made them another image.

    Raises:
        Foreign: it is another one.
    """
    if stated is not None and stated != size:
        found, wanted = (f"{width:g} x {height:g}" for width, height in (size, stated))
        raise Foreign(str(path), f"{found} pixels as stored, the annotation states {wanted}")


@contextmanager
def _opened(path: str | Path) -> Iterator[Image.Image]:
    """Open an image file; whatever Pillow raises then or in the block becomes :class:`Unreadable`.

    Its warnings are silenced, of EXIF data and transparency that are not used here: as errors they would end a run.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                yield image
    except MemoryError:
        raise
    except Exception as error:  # each decoder has its own for a damaged file
        raise Unreadable(str(path), _reason(error)) from None


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return f"it is not a whole image in one of the formats {', '.join(FORMATS)}"
    system = isinstance(error, OSError) and error.strerror
    return system or " ".join(str(error).split()) or type(error).__name__


def resized(image: Image.Image, geometry: Geometry) -> Image.Image:
    """Apply the first transform to an image, as ``Resize((256, 256))`` or, of the shorter side, ``Resize(256)`` do."""
    side = geometry.resized_to
    if geometry.resize == "square":
        return image.resize((side, side), Image.Resampling.BILINEAR)
    width, height = image.size
    longer = int(side * max(width, height) / min(width, height))
    return image.resize((side, longer) if width <= height else (longer, side), Image.Resampling.BILINEAR)


def planes(image: Image.Image) -> Pixels:
    """Return the pixels of an RGB image as (3, H, W); not contiguous."""
    return np.asarray(image).transpose(2, 0, 1)


def centred(pixels: Pixels, side: int) -> Pixels:
    """Return the middle (3, side, side) of planes, as ``CenterCrop`` takes it; a view."""
    top, left = (round((size - side) / 2) for size in pixels.shape[1:])
    return pixels[:, top : top + side, left : left + side]


def test_pixels(image: Image.Image, geometry: Geometry) -> Pixels:
    """Return what a test sees of an RGB image: uint8 (3, S, S), contiguous, S = ``geometry.side``."""
    return np.ascontiguousarray(centred(planes(resized(image, geometry)), geometry.side))
