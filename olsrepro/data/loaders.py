"""Loaders of either kind of data set: pixels that lie on the device, photographs that workers read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from olsrepro.data.batch import Batch
from olsrepro.data.dataset import ImageData, Photographs
from olsrepro.data.in_memory.loader import DeviceLoader, evaluation_batches
from olsrepro.data.photos.cache import PixelCache
from olsrepro.data.photos.loader import HostLoader, test_batches

TestPass = Callable[[], Iterator[tuple[Tensor, Tensor]]]

Pictures = ImageData | Photographs
"""A data set whose images have one label each."""


@dataclass(frozen=True)
class ReaderOptions:
    """How photographs are read: by so many processes, from a cache of resized pixels where there is one."""

    workers: int = 0
    cache: PixelCache | None = None


class Loader(Protocol):
    """Training batches that depend on (seed, epoch, sample index) alone."""

    def __len__(self) -> int:
        """Steps in an epoch."""

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """This rank's part of each batch of a 0-based epoch, from step ``start`` on."""

    def whole(self, epoch: int, *, augmented: bool) -> Iterator[Batch]:
        """Every image that steps train on, once, by rising index, as :class:`methods.base.TrainingSet` says."""

    def samples_of(self, epoch: int, step: int) -> list[int]:
        """The training indices of a batch, on all ranks."""


def training_loader(data: Pictures, targets: Tensor, reading: ReaderOptions, **how: Any) -> Loader:
    """The loader of a training set with given targets (N,); ``how`` is what both loaders take."""
    if isinstance(data, Photographs):
        return HostLoader(data, targets, workers=reading.workers, cache=reading.cache, **how)
    return DeviceLoader(data.train_images, targets, data.mean, data.std, **how)


def test_pass(
    data: Pictures,
    samples: slice,
    reading: ReaderOptions,
    *,
    batch_size: int,
    device: torch.device,
    channels_last: bool,
) -> TestPass:
    """What gives the normalised images of a range of the test set with their classes, in order, as often as called."""
    if isinstance(data, Photographs):
        return partial(
            test_batches,
            data,
            samples,
            batch_size=batch_size,
            device=device,
            channels_last=channels_last,
            workers=reading.workers,
            cache=reading.cache,
        )
    images, targets = data.test_images[samples].to(device), data.test_targets[samples].to(device)
    return partial(evaluation_batches, images, targets, data.mean, data.std, batch_size, device, channels_last)
