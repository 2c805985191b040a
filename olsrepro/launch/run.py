"""A run in this process, or in one for each rank: prepared, trained from its last checkpoint, recorded."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from olsrepro.config.run_config import RunConfig
from olsrepro.distributed.news import from_first
from olsrepro.launch.alike import refuse_unlike_runs
from olsrepro.launch.errors import NeedsRun
from olsrepro.launch.job import Job
from olsrepro.launch.prepare import prepare
from olsrepro.launch.ranks import ending_together, meet, refuse_uneven, together
from olsrepro.launch.teacher import missing_teacher
from olsrepro.printing.console import PrintableConsole


def run(config: RunConfig, *, fresh: bool = False, console: Console | None = None, pace_s: float = 0.0) -> Path:
    """Train a run, or resume it, unless it is finished already; return the record's path.

    Args:
        config: a composed, validated run.
        fresh: move an earlier folder of this run aside and start over.
        console: shows progress; standard output by default.
        pace_s: shortest time in seconds between the lines of two epochs.

    Raises:
        UserError: data or weights are missing, the device is not available, a record is damaged, the teacher can't
            teach, or the ranks differ in something that the run depends on.
        NeedsRun: the run that teaches it must be finished first.
        Held: another process writes this run.
        Interrupted: a signal asked for a stop; the same command resumes it.
        RunFailed: the training failed; a record of the failure is written, if it failed on the first rank.
        RankFailed, RankGone: of several ranks one failed by itself, or is gone.
    """
    with ending_together(config.runtime):
        meet(config.runtime)
        job = Job(config, console or PrintableConsole(highlight=False, soft_wrap=True), pace_s)
        return _run(job, fresh)


def _run(job: Job, fresh: bool) -> Path:
    refuse_unlike_runs(job, fresh=fresh)
    if not fresh and from_first(together(job.is_finished)):
        return job.record
    refuse_uneven(job.config)
    if (teacher := missing_teacher(job.config)) is not None:
        raise NeedsRun(teacher)
    with prepare(job, fresh=fresh) as prepared:
        if prepared is None:
            return job.record
        with prepared.failures_recorded():
            prepared.train()
            return prepared.record()
