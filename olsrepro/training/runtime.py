"""Settings of a run's execution: how and where it is executed. No torch here."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from olsrepro.checks import check_choice, check_range
from olsrepro.evaluation.ensemble_epochs import GRIDS

DEVICES = ("auto", "cpu", "cuda")
KEEPS = ("sums", "grid")
OF_A_MACHINE = frozenset(
    {
        "device",
        "workers",
        "pixel_cache",
        "cache_dir",
        "rank_timeout_s",
        "hang_minutes",
        "checkpoint_minutes",
        "tensorboard",
    }
    | {"data_dir", "runs_dir"}
)
"""Keys that ranks of one run may have different values of; of all others it must be the same."""


@dataclass(frozen=True)
class RuntimeSettings:
    """Settings of how and where a run is executed; they don't change what is trained, and are kept as provenance.

    For ensembles over its epochs (Table III) a run keeps sums of test probabilities for each number of models in
    ``ensemble_sizes``, over the epochs that ``ensemble_grid`` takes; with ``keep=grid`` their weights as well.

    A step's batch is split among the ranks and, on each rank, into ``accumulate`` successive passes. A rank waits
    ``rank_timeout_s`` seconds for the others in a step, and elsewhere as long as they give signs of life at least that
    often. A training in which nothing has moved for ``hang_minutes`` is ended, to be resumed (0: never). With
    ``wait_for_held`` a run that another process is writing is waited for. Photographs are read by ``workers`` processes
    per rank (None: as many as there are cores for it). With ``pixel_cache`` those whose first transform is the same in
    every epoch are kept resized in ``cache_dir`` (None: the folder ``cache`` of ``data_dir``), which also holds the
    list of those that can't be decoded.
    """

    device: str = "auto"
    threads: int | None = None
    deterministic: bool = True
    channels_last: bool = False
    compile: bool = False
    accumulate: int = 1
    workers: int | None = None
    pixel_cache: bool = False
    cache_dir: str | None = None
    rank_timeout_s: float = 60.0
    hang_minutes: float = 30.0
    wait_for_held: bool = False
    checkpoint_minutes: float = 5.0
    checkpoint_steps: int | None = None
    ensemble_sizes: list[int] = field(default_factory=list)
    ensemble_grid: str = "grid_end"
    keep: str = "sums"
    tensorboard: bool = True
    data_dir: str = "data"
    runs_dir: str = "runs"

    def __post_init__(self) -> None:
        check_choice("device", self.device.partition(":")[0], DEVICES)
        if ":" in self.device and not re.fullmatch(r"cuda:\d+", self.device):
            raise ValueError(f"device={self.device} is not understood; only cuda takes a number, as in cuda:1")
        if self.threads is not None:
            check_range("threads", self.threads, 1)
        check_range("accumulate", self.accumulate, 1)
        if self.workers is not None:
            check_range("workers", self.workers, 0)
        check_range("rank_timeout_s", self.rank_timeout_s, 1)
        check_range("hang_minutes", self.hang_minutes, 0)
        if self.checkpoint_steps is not None:
            check_range("checkpoint_steps", self.checkpoint_steps, 1)
        if not self.checkpoint_minutes > 0 or math.isinf(self.checkpoint_minutes):
            raise ValueError(f"checkpoint_minutes={self.checkpoint_minutes:g} must be a positive number of minutes")
        for size in self.ensemble_sizes:
            check_range("ensemble_sizes", size, 1)
        check_choice("ensemble_grid", self.ensemble_grid, GRIDS)
        check_choice("keep", self.keep, KEEPS)
