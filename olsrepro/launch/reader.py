"""Reading of a run's data set: all photographs are checked before the run begins."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from olsrepro.config.run_config import RunConfig
from olsrepro.data.dataset import Dataset
from olsrepro.data.loaders import ReaderOptions, pixel_cache
from olsrepro.data.photos.check import readable
from olsrepro.data.registry import read_dataset
from olsrepro.distributed.rank_info import rank_info
from olsrepro.settings import UserError
from olsrepro.training.runtime import RuntimeSettings

MOST_WORKERS = 16  # enough to keep up with one GPU


def read_data(config: RunConfig, say: Callable[[str], None]) -> tuple[Dataset, ReaderOptions]:
    """Read a run's data set, and return it with the options for reading its photographs.

    Raises:
        UserError: it is missing, damaged or not what the config says; there is no room for the cache that is wanted.
    """
    folder, workers = cache_folder(config.runtime), worker_count(config.runtime)
    data = read_dataset(config.dataset, Path(config.runtime.data_dir))
    try:
        data = readable(data, folder, skip_unreadable=config.dataset.skips_unreadable, workers=workers, say=say)
        if not config.runtime.pixel_cache:
            return data, ReaderOptions(workers)
        return data, ReaderOptions(
            workers, pixel_cache(data, folder, crop=config.recipe.crop, workers=workers, say=say)
        )
    except OSError as error:
        raise UserError(
            f"{folder} can't be written to ({error.strerror or error}); name another folder with runtime.cache_dir"
        ) from None


def cache_folder(runtime: RuntimeSettings) -> Path:
    """Return the folder of resized pixels and of the list of photographs that can't be decoded."""
    return Path(runtime.cache_dir or Path(runtime.data_dir) / "cache").expanduser().absolute()


def worker_count(runtime: RuntimeSettings) -> int:
    """Return the number of processes that read photographs for this rank: as set, or one per core of its share."""
    if runtime.workers is not None:
        return runtime.workers
    return max(1, min(MOST_WORKERS, _cores() // rank_info().local_ranks))


def _cores() -> int:
    """Count the cores that this process may use, or all of them where the system doesn't say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
