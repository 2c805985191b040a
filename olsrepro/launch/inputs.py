"""What a run trains on and starts from, read and checked before there is a run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from olsrepro.config.run_config import RunConfig
from olsrepro.data.dataset import Data, DetectionSet, ImageData
from olsrepro.data.datasets.settings import PhotoSettings, VocSettings
from olsrepro.data.labels.clean_set import clean_indices
from olsrepro.data.loaders import ReaderOptions
from olsrepro.data.noise.noisy_labels import NoisyLabels, noisy_targets
from olsrepro.data.photos.cache import PixelCache
from olsrepro.data.photos.check import readable
from olsrepro.data.registry import read_dataset
from olsrepro.distributed.rank_info import rank_info
from olsrepro.launch.pretrained import check_weights, weights_file
from olsrepro.settings import UserError
from olsrepro.training.runtime import RuntimeSettings

MOST_WORKERS = 16  # more read no faster than one GPU trains


@dataclass(frozen=True)
class Inputs:
    """What a run is made of.

    Attributes:
        data: the data set.
        reading: how its photographs are read.
        start: file of initial weights; None: they are drawn.
        labels: given ones; None for detection.
        clean: the samples of the method's clean set, if it wants one.
    """

    data: Data | DetectionSet
    reading: ReaderOptions
    start: Path | None
    labels: NoisyLabels | None = None
    clean: Tensor | None = None


def read_inputs(config: RunConfig, say: Callable[[str], None]) -> Inputs:
    """Read a run's data set and look for its weights.

    Raises:
        UserError: data or weights are missing, damaged or not what the config says.
    """
    data, reading = read_data(config, say)
    start = weights_file(config, say)
    if start is not None:
        check_weights(config, start)
    if isinstance(data, DetectionSet):
        return Inputs(data, reading, start)
    config.noise.check_complete(missing=config.dataset.train_size - as_read(config, data).dataset.train_size)
    clean = clean_samples(config, data)
    labels = noisy_targets(data.train_targets, config.dataset.num_classes, config.noise, config.seed, clean)
    return Inputs(data, reading, start, labels, clean)


def read_data(config: RunConfig, say: Callable[[str], None]) -> tuple[Data | DetectionSet, ReaderOptions]:
    """A run's data set and how its photographs are read: every one of them has been found to be readable.

    Raises:
        UserError: it is missing, damaged or not what the config says; there is no room for the cache that is wanted.
    """
    data: Data | DetectionSet = read_dataset(config.dataset, Path(config.runtime.data_dir))
    if isinstance(data, ImageData):
        return data, ReaderOptions()
    folder, workers = cache_folder(config.runtime), worker_count(config.runtime)
    skips = isinstance(config.dataset, PhotoSettings | VocSettings) and config.dataset.skip_unreadable
    try:
        if isinstance(data, DetectionSet):
            return readable(data, folder, skip_unreadable=skips, workers=workers, say=say), ReaderOptions(workers)
        data = readable(data, folder, skip_unreadable=skips, workers=workers, say=say)
        if not config.runtime.pixel_cache:
            return data, ReaderOptions(workers)
        return data, ReaderOptions(
            workers, PixelCache.of(data, folder, crop=config.recipe.crop, workers=workers, say=say)
        )
    except OSError as error:
        raise UserError(
            f"{folder} can't be written to ({error.strerror or error}); name another folder by runtime.cache_dir"
        ) from None


def left_out(data: Data | DetectionSet) -> tuple[str, ...]:
    """The photographs that can't be decoded, which the data set is without."""
    return () if isinstance(data, ImageData) else data.unreadable


def as_read(config: RunConfig, data: Data | DetectionSet) -> RunConfig:
    """The run with the sizes of its data set as it was read: of photographs some may have been left out."""
    if isinstance(data, ImageData):
        return config
    train, test = len(data.train_paths), len(data.test_paths)
    return replace(config, dataset=replace(config.dataset, train_size=train, test_size=test))


def cache_folder(runtime: RuntimeSettings) -> Path:
    """Where is kept what was found out about photographs."""
    return Path(runtime.cache_dir or Path(runtime.data_dir) / "cache").expanduser().absolute()


def worker_count(runtime: RuntimeSettings) -> int:
    """Processes that read photographs for this rank: as said, or one for each of its share of the cores."""
    if runtime.workers is not None:
        return runtime.workers
    return max(1, min(MOST_WORKERS, _cores() // rank_info().local_ranks))


def _cores() -> int:
    """Those that this process may use; where a system does not tell, all that there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def clean_samples(config: RunConfig, data: Data) -> Tensor | None:
    """The samples of the clean set that the method wants, int64, rising; None where it wants none."""
    wanted = config.method.clean_set()
    if wanted is None:
        return None
    classes = config.dataset.num_classes
    try:
        return clean_indices(data.train_targets, classes, wanted.size, per_class=wanted.per_class, seed=config.seed)
    except ValueError as error:
        raise UserError(f"method.{error}") from None
