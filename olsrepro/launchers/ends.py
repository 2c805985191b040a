"""Line at the end of each of many runs: its errors, its seconds, and how long the rest will take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from olsrepro.config.run_config import RunConfig
from olsrepro.settings import UserError
from olsrepro.store.cost import estimate
from olsrepro.store.identity import run_id
from olsrepro.store.record import FINISHED, read_record
from olsrepro.training.tasks import task_kind

MINUTE_S, HOUR_S = 60, 3600


@dataclass
class Ends:
    """Times of the runs that have ended, from which the time of the rest is estimated by their multiply-adds.

    Attributes:
        configs: all of the runs, in order.
        seconds: that those which finished have taken.
        work: their multiply-adds.
    """

    configs: Sequence[RunConfig]
    seconds: float = 0.0
    work: float = 0.0

    def line(self, number: int, seconds: float) -> str:
        """Return the line on the run of this number, from 1, which has just ended after some seconds."""
        config = self.configs[number - 1]
        errors = _last_errors(config)
        if errors:
            self.seconds += seconds
            self.work += _work(config)
        head = f"[{number}/{len(self.configs)}] {f'finished: {errors}' if errors else 'failed'}, {span(seconds)}"
        return f"{head}{self._rest(self.configs[number:])}"

    def _rest(self, rest: Sequence[RunConfig]) -> str:
        if not rest or not self.work:
            return ""
        left = sum(map(_work, rest)) * self.seconds / self.work
        return f"; {len(rest)} more will take about {span(left)}"


def span(seconds: float) -> str:
    """Format a time in seconds, minutes or hours."""
    if seconds < 2 * MINUTE_S:
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.0f} s"
    if seconds < 2 * HOUR_S:
        return f"{seconds / MINUTE_S:.0f} min"
    return f"{seconds / HOUR_S:,.1f} h"


def _work(config: RunConfig) -> float:
    """Return the multiply-adds of a run; a network that no config counts has one for each training image."""
    cost = estimate(config, {})
    return cost.macs or float(cost.training_images)


def _last_errors(config: RunConfig) -> str:
    """Return the numbers of a finished run's last epoch, as in ``top1_err 23.40``; empty if it is not finished."""
    try:
        record = read_record(Path(config.runtime.runs_dir) / run_id(config))
    except UserError:  # damaged; the run's own line says so
        return ""
    if record is None or record["status"] != FINISHED:
        return ""
    kind, last = task_kind(config.dataset.task), record["errors"]["last"]
    shown = (key for key in kind.tested if kind.shows(key, config.dataset.num_classes))
    return ", ".join(f"{key} {last[key]:.2f}" for key in shown)
