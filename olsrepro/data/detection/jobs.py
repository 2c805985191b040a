"""Work on a detector's photographs in a worker: uint8 images in letter-boxes, and their boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from olsrepro.data.detection.draws import changes
from olsrepro.data.detection.letterbox import Placement, letterboxed
from olsrepro.data.detection.settings import DetectionAugment
from olsrepro.data.detection.transforms import Scene, changed
from olsrepro.data.photos.decode import check_size, decoded
from olsrepro.data.photos.draws import DrawAddress
from olsrepro.data.photos.notice import reading


class Made(NamedTuple):
    """Images as a worker leaves them, with their objects image by image.

    Attributes:
        pixels: uint8 (B, 3, S, S).
        boxes: float32 (M, 4), in these pixels.
        counts: int64 (B,), objects of each image.
    """

    pixels: Tensor
    boxes: Tensor
    counts: Tensor


@dataclass(frozen=True)
class ImagesJob:
    """Job that reads photographs, changes each by its own draws, and letter-boxes it.

    Attributes:
        samples: int64 (B,), whose random numbers are used.
        paths: of the photographs.
        sizes: float64 (B, 2), width and height that their annotations state.
        boxes: float32 (M, 4), of all of them, image by image, in pixels of the files.
        counts: int64 (B,), boxes of each.
        augment: chances of the changes.
        address: of the random numbers.
        side: of the letter-boxes in pixels.
    """

    samples: npt.NDArray[np.int64]
    paths: Sequence[Path]
    sizes: npt.NDArray[np.float64]
    boxes: npt.NDArray[np.float32]
    counts: npt.NDArray[np.int64]
    augment: DetectionAugment
    address: DrawAddress
    side: int

    def __call__(self) -> Made:
        """Make the images and their boxes.

        Raises:
            Unreadable: an image can't be decoded, or is not of its size.
        """
        drawn = changes(self.augment, self.address, torch.from_numpy(self.samples))
        pixels = np.empty((len(self.paths), 3, self.side, self.side), dtype=np.uint8)
        counts = torch.from_numpy(self.counts)
        boxes = [torch.empty(0, 4)]  # a rank may have no image of a short batch
        parts = torch.split(torch.from_numpy(self.boxes), self.counts.tolist())
        images = map(_read, self.paths, self.sizes)
        for row, (image, own, change) in enumerate(zip(images, parts, drawn, strict=True)):
            scene = changed(Scene(image, own), change)
            placement = Placement(*scene.image.size, self.side)
            pixels[row] = letterboxed(scene.image, placement)
            boxes.append(placement.placed(scene.boxes))
        return Made(torch.from_numpy(pixels), torch.cat(boxes), counts)


def _read(path: Path, stated: npt.NDArray[np.float64]) -> Image.Image:
    """Decode a photograph, whose annotation states its width and height (2,)."""
    reading(str(path))
    image = decoded(path)
    check_size(path, image.size, (stated[0], stated[1]))
    return image


class MadeStep(NamedTuple):
    """Images of a step: its ``own``, and the ``second`` ones that are mixed into some of them, if any are."""

    own: Made
    second: Made | None


@dataclass(frozen=True)
class StepJob:
    """Job that makes the photographs of one step."""

    own: ImagesJob
    second: ImagesJob | None

    def __call__(self) -> MadeStep:
        """Make both kinds of images."""
        return MadeStep(self.own(), None if self.second is None else self.second())


@dataclass(frozen=True)
class TestJob:
    """Photographs as a test sees them, letter-boxed and, if asked, mirrored."""

    __test__ = False  # else pytest takes it for a test

    paths: Sequence[Path]
    sizes: npt.NDArray[np.float64]
    side: int
    is_mirrored: bool

    def __call__(self) -> tuple[Tensor, list[tuple[int, int]]]:
        """Return the pixels, uint8 (B, 3, S, S), and width and height of each photograph."""
        pixels = np.empty((len(self.paths), 3, self.side, self.side), dtype=np.uint8)
        sizes = []
        for row, image in enumerate(map(_read, self.paths, self.sizes)):
            sizes.append((image.width, image.height))
            pixels[row] = letterboxed(image, Placement(image.width, image.height, self.side, self.is_mirrored))
        return torch.from_numpy(pixels), sizes
