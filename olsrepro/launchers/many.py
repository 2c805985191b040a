"""Many runs, one after another in this process: a failure is reported, and the rest are trained all the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rich.console import Console

from olsrepro.config.run_config import RunConfig
from olsrepro.data.registry import read_dataset
from olsrepro.distributed.news import from_first
from olsrepro.distributed.ranks import is_first, leave
from olsrepro.files.lease import Held
from olsrepro.launch.errors import Interrupted, RunFailed
from olsrepro.launch.pretrained import pretrained_file
from olsrepro.launch.ranks import ending_together, meet, refuse_uneven, together
from olsrepro.launchers.base import Launched
from olsrepro.launchers.dependencies import run_with_dependencies, say, wait_for_writer
from olsrepro.launchers.ends import Ends
from olsrepro.printing.text import shortened
from olsrepro.settings import UserError
from olsrepro.store.identity import run_id
from olsrepro.store.teacher import teacher_record
from olsrepro.training.device import prepare_device

PACE_S = 10.0


def run_many(configs: Sequence[RunConfig], console: Console) -> Launched:
    """Train runs in order, each with an epoch's line at most every :data:`PACE_S` seconds; every rank must call it.

    Runs that another process is writing are tried again at the end, when it may have finished them or gone; with
    ``runtime.wait_for_held``, until all are finished.

    Raises:
        UserError: a device, a data set or a teacher that they need is missing; nothing was started.
        RankFailed, RankGone: of several ranks one failed by itself, or is gone.
    """
    with ending_together(configs[0].runtime):
        return _run_many(configs, console)


def _run_many(configs: Sequence[RunConfig], console: Console) -> Launched:
    meet(configs[0].runtime)
    first = from_first([run_id(config) for config in configs])
    together(lambda: _refuse_other_runs(configs, first))
    together(lambda: _refuse_unready(configs, partial(say, console)))
    tally, ends = _Tally(console), Ends(configs)
    try:
        for number, config in enumerate(configs, start=1):
            if is_first():
                console.print(f"[{number}/{len(configs)}] ", end="", markup=False, highlight=False)
            started = time.monotonic()
            if (line := tally.train(config)) is not None:
                say(console, f"{line}; looked at again at the end")
            elif is_first():
                say(console, ends.line(number, time.monotonic() - started))
        tally.come_back()
    except Interrupted as stop:
        return tally.launched(str(stop))
    leave()
    return tally.launched()


@dataclass
class _Tally:
    """Count of what became of runs.

    Attributes:
        console: shows progress.
        trained: number of runs that are finished.
        failed: a line on each that could not be finished.
        held: those that another process is writing, each with a line.
    """

    console: Console
    trained: int = 0
    failed: list[str] = field(default_factory=list)
    held: list[tuple[RunConfig, str]] = field(default_factory=list)

    def train(self, config: RunConfig) -> str | None:
        """Train a run; return a line if another process is writing it.

        Raises:
            Interrupted: after a signal.
            RankFailed, RankGone: of several ranks one failed by itself, or is gone.
        """
        try:
            run_with_dependencies(config, console=self.console, pace_s=PACE_S)
        except Held as error:
            self.held.append((config, str(error)))
            return str(error)
        except (RunFailed, UserError) as error:
            self.failed.append(told := shortened(str(error)))
            say(self.console, told)
        else:
            self.trained += 1
        return None

    def come_back(self) -> None:
        """Try held runs again until none is left or all are still held; then wait for one, if that is wanted."""
        while self.held:
            before, self.held = self.held, []
            for config, _ in before:
                self.train(config)
            if len(self.held) < len(before):
                continue
            if not self.held[0][0].runtime.wait_for_held:
                break
            wait_for_writer(self.held[0][0], self.console)
        for _, line in self.held:
            say(self.console, line)

    def launched(self, interrupted: str = "") -> Launched:
        return Launched(self.trained, tuple(self.failed), tuple(line for _, line in self.held), interrupted)


def _refuse_other_runs(configs: Sequence[RunConfig], first: Sequence[str]) -> None:
    """Refuse runs other than the first rank's: each rank has looked for itself which ones the store lacks."""
    if [run_id(config) for config in configs] != list(first):
        raise UserError(
            "other runs are missing here than on rank 0: if another process has just finished one, repeat the command;"
            f" otherwise {configs[0].runtime.runs_dir} is not one folder that all machines share"
        )


def _refuse_unready(configs: Sequence[RunConfig], tell: Callable[[str], None]) -> None:
    """Refuse runs before the first one starts, if a device, data set, file of weights or teacher is missing."""
    prepared = {(config.runtime.device, config.runtime.channels_last): config.runtime for config in configs}
    for runtime in prepared.values():
        prepare_device(runtime)
    needed = {(config.dataset.name, config.runtime.data_dir): config for config in configs}
    for config in needed.values():
        read_dataset(config.dataset, Path(config.runtime.data_dir))
    starts = {(config.recipe.start, config.runtime.data_dir): config for config in configs}
    for config in starts.values():
        pretrained_file(config, tell)
    for config in configs:
        refuse_uneven(config)
        teacher_record(config)
