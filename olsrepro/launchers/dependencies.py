"""A run with its dependency: the run that teaches it is trained first, or waited for if another process trains it."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from olsrepro.config.run_config import RunConfig
from olsrepro.distributed.news import from_first
from olsrepro.distributed.ranks import is_first
from olsrepro.files.lease import Held, Holder, is_alive, read_holder
from olsrepro.launch.errors import NeedsRun, RunFailed
from olsrepro.launch.ranks import ending_together, together
from olsrepro.launch.run import run
from olsrepro.printing.console import PrintableConsole
from olsrepro.store.identity import run_id

POLL_S = 2.0


def run_with_dependencies(
    config: RunConfig, *, fresh: bool = False, console: Console | None = None, pace_s: float = 0.0, waits: bool = False
) -> Path:
    """Train a run after those that it depends on; arguments, result and errors are those of :func:`launch.run.run`.

    A dependency that another process is training is waited for: two students of one teacher never collide. With
    ``waits`` the run itself is waited for too, instead of raising ``Held``.
    """
    with ending_together(config.runtime):
        while True:
            try:
                return _after_dependencies(config, fresh, console, pace_s)
            except Held:
                if not waits:
                    raise
                wait_for_writer(config, console)


def _after_dependencies(config: RunConfig, fresh: bool, console: Console | None, pace_s: float) -> Path:
    try:
        return run(config, fresh=fresh, console=console, pace_s=pace_s)
    except NeedsRun as missing:
        _finish(missing.config, config, console, pace_s)
    return run(config, fresh=fresh, console=console, pace_s=pace_s)


def _finish(teacher: RunConfig, student: RunConfig, console: Console | None, pace_s: float) -> None:
    say(console, f"{run_id(student)} needs a teacher: training the hard-label run with the same data and seed first")
    try:
        run_with_dependencies(teacher, console=console, pace_s=pace_s, waits=True)
    except RunFailed as error:
        raise RunFailed(
            f"{run_id(student)} has no teacher (method.teacher=null takes its hard-label run): {error}\nfix that run,"
            " or name a finished one with method.teacher=RUN_ID"
        ) from None


def wait_for_writer(config: RunConfig, console: Console | None) -> None:
    """Wait until no living process writes a run any more; its record then says whether it is finished."""
    folder, is_told = Path(config.runtime.runs_dir) / run_id(config), False
    while (holder := from_first(together(lambda: _living_holder(folder) if is_first() else None))) is not None:
        if not is_told:
            say(console, f"waiting for {folder.name}, which pid {holder.pid} on {holder.host} is training")
            is_told = True
        time.sleep(POLL_S)


def _living_holder(folder: Path) -> Holder | None:
    holder = read_holder(folder)
    return holder if holder is not None and is_alive(folder, holder) else None


def say(console: Console | None, line: str) -> None:
    """Print a line on the first rank; standard output where there is no console."""
    if is_first():
        (console or PrintableConsole(highlight=False, soft_wrap=True)).print(line, markup=False, highlight=False)
