"""What a run trains on and starts from, read and checked before there is a run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from olsrepro.config.run_config import RunConfig
from olsrepro.data.clean_set import clean_indices
from olsrepro.data.loaders import Reading
from olsrepro.data.noise import NoisyLabels, noisy_targets
from olsrepro.data.photo_settings import PhotoSettings
from olsrepro.data.photographs import Photographs
from olsrepro.data.pixel_cache import PixelCache
from olsrepro.data.readable import readable
from olsrepro.data.registry import Data, read_dataset
from olsrepro.distributed.place import place
from olsrepro.launch.start import weights_file
from olsrepro.settings import UserError
from olsrepro.training.settings import RuntimeSettings

MOST_WORKERS = 16  # more read no faster than one GPU trains


@dataclass(frozen=True)
class Inputs:
    """Data set, given labels, clean set, how photographs are read, file of initial weights."""

    data: Data
    labels: NoisyLabels
    clean: Tensor | None
    reading: Reading
    start: Path | None


def read_inputs(config: RunConfig, say: Callable[[str], None]) -> Inputs:
    """Read a run's data set and look for its weights.

    Raises:
        UserError: data or weights are missing, damaged or not what the config says.
    """
    data, reading = read_data(config, say)
    start = weights_file(config, say)
    clean = clean_samples(config, data)
    labels = noisy_targets(data.train_targets, config.dataset.num_classes, config.noise, config.seed, clean)
    return Inputs(data, labels, clean, reading, start)


def read_data(config: RunConfig, say: Callable[[str], None]) -> tuple[Data, Reading]:
    """A run's data set and how its photographs are read: every one of them has been found to be readable.

    Raises:
        UserError: it is missing, damaged or not what the config says; there is no room for the cache that is wanted.
    """
    data = read_dataset(config.dataset, Path(config.runtime.data_dir))
    if not isinstance(data, Photographs) or not isinstance(config.dataset, PhotoSettings):
        return data, Reading()
    folder, workers = cache_folder(config.runtime), worker_count(config.runtime)
    try:
        data = readable(data, folder, skip_unreadable=config.dataset.skip_unreadable, workers=workers, say=say)
        if not config.runtime.pixel_cache:
            return data, Reading(workers)
        return data, Reading(workers, PixelCache.of(data, folder, crop=config.recipe.crop, workers=workers, say=say))
    except OSError as error:
        raise UserError(
            f"{folder} can't be written to ({error.strerror}); name another folder by runtime.cache_dir"
        ) from None


def cache_folder(runtime: RuntimeSettings) -> Path:
    """Where is kept what was found out about photographs."""
    return Path(runtime.cache_dir or Path(runtime.data_dir) / "cache").expanduser().absolute()


def worker_count(runtime: RuntimeSettings) -> int:
    """Processes that read photographs for this rank: as said, or one for each of its share of the cores."""
    if runtime.workers is not None:
        return runtime.workers
    return max(1, min(MOST_WORKERS, len(os.sched_getaffinity(0)) // place().local_ranks))


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
