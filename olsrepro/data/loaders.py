"""Loaders of labelled images, by kind of data set: pixels on the device, or photographs that workers read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial, singledispatch
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from olsrepro.data.batch import Batch
from olsrepro.data.dataset import Dataset, ImageData, LabelledImages, Photographs
from olsrepro.data.in_memory.loader import DeviceLoader, evaluation_batches
from olsrepro.data.photos.cache import PixelCache
from olsrepro.data.photos.loader import HostLoader, test_batches

TestPass = Callable[[], Iterator[tuple[Tensor, Tensor]]]


@dataclass(frozen=True)
class ReaderOptions:
    """Options for reading photographs: the number of worker processes, and a cache of resized pixels, if any."""

    workers: int = 0
    cache: PixelCache | None = None


class Loader(Protocol):
    """Training batches that depend on (seed, epoch, sample index) alone."""

    def __len__(self) -> int:
        """Return the number of steps in an epoch."""

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield this rank's part of each batch of a 0-based epoch, from step ``start`` on."""

    def whole(self, epoch: int, *, augmented: bool) -> Iterator[Batch]:
        """Yield every image that steps train on, once, by rising index, as :class:`methods.base.TrainingSet` says."""

    def samples_of(self, epoch: int, step: int) -> list[int]:
        """Return the training indices of a batch, on all ranks."""


@singledispatch
def pixel_cache(
    data: Dataset, folder: Path, *, crop: str, workers: int, say: Callable[[str], None]
) -> PixelCache | None:
    """Fill a cache of resized pixels in ``folder``, where the data set has photographs whose first transform is fixed.

    Args and errors are those of :meth:`PixelCache.of`; for other data sets nothing is kept, and None is returned.
    """
    return None


@pixel_cache.register
def _(data: Photographs, folder: Path, *, crop: str, workers: int, say: Callable[[str], None]) -> PixelCache | None:
    return PixelCache.of(data, folder, crop=crop, workers=workers, say=say)


@singledispatch
def training_loader(data: LabelledImages, targets: Tensor, reader: ReaderOptions, **options: Any) -> Loader:
    """Return the loader of a training set with given targets (N,); ``options`` are what both loaders take."""
    raise TypeError(f"{type(data).__name__} has no loader")


@training_loader.register
def _(data: ImageData, targets: Tensor, reader: ReaderOptions, **options: Any) -> Loader:
    return DeviceLoader(data.train_images, targets, data.mean, data.std, **options)


@training_loader.register
def _(data: Photographs, targets: Tensor, reader: ReaderOptions, **options: Any) -> Loader:
    return HostLoader(data, targets, workers=reader.workers, cache=reader.cache, **options)


@singledispatch
def test_pass(
    data: LabelledImages,
    samples: slice,
    reader: ReaderOptions,
    *,
    batch_size: int,
    device: torch.device,
    channels_last: bool,
) -> TestPass:
    """Return a function that yields normalised test images with their classes, in order, each time it is called.

    Args:
        data: the data set.
        samples: range of the test set.
        reader: how photographs are read.
        batch_size: images in each batch but the last.
        device: where the batches are.
        channels_last: memory format of the images.
    """
    raise TypeError(f"{type(data).__name__} has no test batches")


@test_pass.register
def _(data: ImageData, samples: slice, reader: ReaderOptions, **options: Any) -> TestPass:
    device = options["device"]
    images, targets = data.test_images[samples].to(device), data.test_targets[samples].to(device)
    return partial(evaluation_batches, images, targets, data.mean, data.std, **options)


@test_pass.register
def _(data: Photographs, samples: slice, reader: ReaderOptions, **options: Any) -> TestPass:
    return partial(test_batches, data, samples, workers=reader.workers, cache=reader.cache, **options)
