"""Images that are read on demand, as a test sees them: from memory or from files."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import singledispatch
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from olsrepro.data.dataset import Geometry, ImageData, LabelledImages, PathTable, Photographs
from olsrepro.data.pixels import Normaliser


class Images(Protocol):
    """One split of a data set in its order; ``len`` counts its images."""

    @property
    def targets(self) -> Tensor:
        """True classes, int64 (N,), on the CPU."""

    def __len__(self) -> int: ...

    def pixels(self, indices: Tensor) -> Tensor:
        """Return the images at indices (B,), cropped and resized as in a test: uint8 (B, 3, H, W), on the CPU."""


@dataclass(frozen=True)
class TensorImages:
    """Images in memory, uint8 (N, 3, H, W), and their true classes (N,)."""

    images: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def pixels(self, indices: Tensor) -> Tensor:
        """Return the images at indices (B,): uint8 (B, 3, H, W), on the CPU."""
        return self.images[indices]


@dataclass(frozen=True)
class PhotoImages:
    """Photographs in files below ``root``, and their true classes (N,)."""

    root: Path
    paths: PathTable
    targets: Tensor
    geometry: Geometry

    def __len__(self) -> int:
        return len(self.targets)

    def pixels(self, indices: Tensor) -> Tensor:
        """Read the images at indices (B,), cropped and resized as in a test: uint8 (B, 3, H, W), on the CPU.

        Threads share the work, which Pillow allows while it decodes and resizes.
        Raises:
            Unreadable: an image can't be decoded.
        """
        found = torch.empty(len(indices), 3, self.geometry.side, self.geometry.side, dtype=torch.uint8)
        # All threads share one filter of warnings, so those that decoding sets for itself must not race.
        with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
            warnings.simplefilter("ignore")
            for place, image in enumerate(pool.map(self._image, indices.tolist())):
                found[place] = image
        return found

    def _image(self, index: int) -> Tensor:
        from olsrepro.data.photos.decode import decoded, test_pixels

        return torch.from_numpy(test_pixels(decoded(self.root / self.paths[index]), self.geometry))


@singledispatch
def split_of(data: LabelledImages, split: str) -> Images:
    """Return the images of ``train`` or ``test``."""
    raise TypeError(f"{type(data).__name__} has no images that can be read")


@split_of.register
def _(data: ImageData, split: str) -> Images:
    parts = {"train": (data.train_images, data.train_targets), "test": (data.test_images, data.test_targets)}
    return TensorImages(*parts[split])


@split_of.register
def _(data: Photographs, split: str) -> Images:
    parts = {"train": (data.train_paths, data.train_targets), "test": (data.test_paths, data.test_targets)}
    return PhotoImages(data.root, *parts[split], data.geometry)


def normalised_batches(
    images: Images,
    indices: Tensor,
    mean: Tensor,
    std: Tensor,
    batch_size: int,
    device: torch.device | str,
) -> Iterator[Tensor]:
    """Yield the images at indices (N,) in this order, normalised: float32 (B, 3, H, W) on the device, short batch last.

    ``mean`` and ``std`` are float32 (3,), of pixels in [0, 1].
    """
    normalise = Normaliser(mean, std, device)
    return (normalise(images.pixels(part).to(device)) for part in torch.split(indices, batch_size))
