"""Reading of a run's data set: every photograph is found to be readable before there is a run."""

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

MOST_WORKERS = 16  # more read no faster than one GPU trains


def read_data(config: RunConfig, say: Callable[[str], None]) -> tuple[Dataset, ReaderOptions]:
    """Read a run's data set and say how its photographs are read.

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
            f"{folder} can't be written to ({error.strerror or error}); name another folder by runtime.cache_dir"
        ) from None


def cache_folder(runtime: RuntimeSettings) -> Path:
    """Return the folder that keeps what was found out about photographs."""
    return Path(runtime.cache_dir or Path(runtime.data_dir) / "cache").expanduser().absolute()


def worker_count(runtime: RuntimeSettings) -> int:
    """Return the processes that read photographs for this rank: as set, or one for each of its share of the cores."""
    if runtime.workers is not None:
        return runtime.workers
    return max(1, min(MOST_WORKERS, _cores() // rank_info().local_ranks))


def _cores() -> int:
    """Return the cores that this process may use; where a system does not tell, all that there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
