"""Preparation of a run: whatever can be refused is refused here, before this process takes it on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from olsrepro.config.run_config import RunConfig
from olsrepro.config.to_yaml import to_yaml
from olsrepro.data.photos.workers import kill_stopped_workers, worker_states
from olsrepro.distributed.news import from_first
from olsrepro.distributed.ranks import arrive, is_first, rank
from olsrepro.files.atomic import write_text
from olsrepro.files.lease import Held, Lease
from olsrepro.launch.alike import refuse_unlike_devices, refuse_unlike_inputs
from olsrepro.launch.announce import announce
from olsrepro.launch.build import trainer_of
from olsrepro.launch.errors import Hangs, Interrupted, RunFailed
from olsrepro.launch.inputs.base import Inputs
from olsrepro.launch.inputs.read import read_inputs
from olsrepro.launch.job import Job
from olsrepro.launch.observing import observers_of
from olsrepro.launch.ranks import is_of_lost_rank, refuse_uneven, tell_failure, together
from olsrepro.launch.records import finished_record, record_failure
from olsrepro.launch.teacher import load_teacher
from olsrepro.launch.watchdog import Watchdog
from olsrepro.store.record import write_record
from olsrepro.training.batch_norm import check_batch_norm
from olsrepro.training.device import prepare_device
from olsrepro.training.stop import StopRequest
from olsrepro.training.trainer import Trainer

RESUMES = "the same command resumes from the last checkpoint"


@dataclass
class PreparedRun:
    """A run that can begin: device, data and teacher are available, and the first rank holds its lease.

    Attributes:
        job: the run.
        device: where it trains.
        inputs: data, labels and initial weights.
        teacher: the network that teaches it, if any.
        lease: of the first rank; None on the others, which write nothing.
        trainer: set once it has trained.
    """

    job: Job
    device: torch.device
    inputs: Inputs
    teacher: nn.Module | None
    lease: Lease | None
    trainer: Trainer | None = None

    def train(self) -> None:
        """Train to the last epoch, starting from the last checkpoint.

        Raises:
            Interrupted: a signal asked for a stop.
        """
        if self.inputs.warning:
            self.job.say(self.inputs.warning)
        if self.lease is not None:
            write_text(self.job.folder / "config.yaml", to_yaml(self.job.config))
        watchdog = Watchdog(self.job.config.runtime.hang_minutes, self._end_hanging)
        with StopRequest() as stop, observers_of(self.job, self.lease) as observers, watchdog:
            guard = self.lease.look if self.lease else _no_lease
            trainer = trainer_of(
                self.job, self.inputs, self.device, self.teacher, observers=observers, stop=stop, guard=guard
            )
            announce(self.job, trainer, self.device)
            if not trainer.fit():
                epoch = trainer.progress.epoch + 1
                raise Interrupted(f"stopped in epoch {epoch}; the same command resumes there")
        self.trainer = trainer

    def record(self) -> Path:
        """Write the record of the finished training, on the rank that writes; return the record's path."""
        assert self.trainer is not None, "train() comes first"
        if self.lease is not None:
            self.lease.look()
            write_record(self.job.folder, finished_record(self.job, self.trainer, self.inputs))
        arrive()
        return self.job.record

    @contextmanager
    def failures_recorded(self) -> Iterator[None]:
        """Turn an exception into :class:`RunFailed`, of which the rank with the lease leaves a record."""
        try:
            yield
        except (Interrupted, Held, KeyboardInterrupt):
            raise
        except Exception as error:
            if is_of_lost_rank(error):
                raise
            tell_failure(error)
            raise RunFailed(self._recorded(error)) from error

    def _end_hanging(self, place: str, stacks: str) -> None:
        """End this process, whose training hangs in a call that nothing can end, with a record of where."""
        minutes, line = self.job.config.runtime.hang_minutes, f"{self.job.run_id} hangs"
        readers = "".join(f"; {state}" for state in worker_states())
        error = Hangs(f"nothing has moved for {minutes:g} minutes (runtime.hang_minutes) in {place}{readers}", stacks)
        tell_failure(error)
        try:
            line = self._recorded(error)
            if self.lease is not None:
                self.lease.release()
        finally:
            kill_stopped_workers()
            print(f"{stacks if self.lease is None else ''}olsrepro: {line}\n{RESUMES}", file=sys.stderr, flush=True)
            os._exit(os.EX_TEMPFAIL)

    def _recorded(self, error: Exception) -> str:
        """Record a failure on the rank with the lease, and return a line about it."""
        if self.lease is None:
            return f"{self.job.run_id} failed on rank {rank()}: {type(error).__name__}: {error}"
        self.lease.look()
        return record_failure(self.job, error, self.device)


@contextmanager
def prepare(job: Job, *, fresh: bool = False) -> Iterator[PreparedRun | None]:
    """Read and check what a run needs, then hold its lease; None where it was finished in the meantime.

    Every rank must call it; if one of them is refused, all are.

    Args:
        job: the run.
        fresh: move an earlier folder of the run aside.

    Raises:
        UserError: the device is not available; data, weights or teacher are missing; ranks can't split the run, or
            have read different data.
        Held: another process writes this run.
    """
    device = together(lambda: _prepared_device(job.config))
    refuse_unlike_devices(device)
    inputs = together(lambda: read_inputs(job.config, job.say))
    refuse_unlike_inputs(inputs)
    refuse_uneven(inputs.sized(job.config))
    teacher = together(lambda: load_teacher(job.config, device))
    with ExitStack() as stack:
        lease = together(lambda: stack.enter_context(_lease(job, fresh)) if is_first() else None)
        if from_first(together(job.is_finished)):
            yield None
            return
        yield PreparedRun(job, device, inputs, teacher, lease)


def _prepared_device(config: RunConfig) -> torch.device:
    device = prepare_device(config.runtime)
    check_batch_norm(config.recipe.batch_norm, config.method, device)
    return device


def _lease(job: Job, fresh: bool) -> Lease:
    return Lease(job.folder, job.store.locks, job.say, prepare=lambda: _clear(job, fresh))


def _clear(job: Job, fresh: bool) -> None:
    if fresh and (aside := job.store.move_aside(job.run_id)) is not None:
        job.say(f"moved the earlier run aside to {aside}")
    for leftover in job.folder.rglob(".*.part"):  # of a process that was killed while it wrote
        leftover.unlink()


def _no_lease() -> None:
    raise AssertionError("a rank without the lease writes nothing")
