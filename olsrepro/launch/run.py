"""One run in this process, or in one for each rank: lease, training from the last checkpoint on, record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from olsrepro.config.run_config import RunConfig
from olsrepro.config.to_yaml import to_yaml
from olsrepro.distributed.news import from_first
from olsrepro.distributed.ranks import all_come, is_first, rank, rank_count
from olsrepro.files.atomic import write_text
from olsrepro.files.lease import Held, Lease
from olsrepro.launch.inputs import Inputs, as_read, left_out, read_inputs
from olsrepro.launch.job import Job
from olsrepro.launch.learner import learner_of
from olsrepro.launch.provenance import is_bitwise, this_process
from olsrepro.launch.ranks import is_of_lost_rank, meet, refuse_uneven, refuse_unlike, together, told
from olsrepro.launch.records import finished_record, record_failure
from olsrepro.launch.tasks import task_of, training_set_of
from olsrepro.launch.teacher import load_teacher, train_teacher
from olsrepro.launch.watchers import Bar, Lines, TensorBoard
from olsrepro.settings import UserError
from olsrepro.store.folder import Store
from olsrepro.store.record import FINISHED, NAME, read_record, write_record
from olsrepro.training.artifacts import Artifacts
from olsrepro.training.batch_norm import check_batch_norm
from olsrepro.training.checkpoint import CheckpointFolder
from olsrepro.training.device import prepare_device
from olsrepro.training.progress import Row, TrainingProgress
from olsrepro.training.recipe import REPLACED
from olsrepro.training.stop import StopRequest
from olsrepro.training.trainer import Observer, Trainer


class RunFailed(Exception):
    """A run could not be finished; its record says why."""


class RankFailed(RunFailed):
    """A rank failed by itself: the others are elsewhere in the run, so that this process must end."""


class Interrupted(Exception):
    """A run was asked to stop and has written a checkpoint, or has lost a rank; the same command goes on."""


def run(config: RunConfig, *, fresh: bool = False, console: Console | None = None, pace_s: float = 0.0) -> Path:
    """Train what the config describes, or go on with it, unless its record is there already; the record's path.

    A run that should teach it and is not there yet is trained first.

    Args:
        config: a composed, validated run.
        fresh: move an earlier folder of this run aside and start anew.
        console: where progress is told; standard output by default.
        pace_s: an epoch's line is told at most every so many seconds.

    Raises:
        UserError: data or weights are missing, the device is not there, a record is damaged, the teacher can't teach.
        Held: another process writes this run or its teacher's.
        Interrupted: a signal asked for a stop; the same command goes on.
        RunFailed: the training failed; a record of the failure is left, if it failed on the first rank.
    """
    meet(config.runtime)
    job = Job(config, Store(Path(config.runtime.runs_dir)), pace_s=pace_s)
    if console is not None:
        job.console = console
    if not fresh and from_first(_is_finished(job)):
        return job.folder / NAME
    refuse_uneven(config)
    train_teacher(config, lambda teacher: _run_teacher(teacher, job, pace_s))
    device = together(lambda: prepare_device(config.runtime))
    together(lambda: check_batch_norm(config.recipe.batch_norm, config.method, device))
    inputs = together(lambda: read_inputs(config, job.say))
    refuse_unlike(inputs.data)
    refuse_uneven(as_read(config, inputs.data))
    with ExitStack() as stack:
        lease = together(lambda: stack.enter_context(_lease(job, fresh)) if is_first() else None)
        if from_first(_is_finished(job)):
            return job.folder / NAME
        try:
            return _execute(job, inputs, device, lease)
        except Held as error:
            if rank_count() == 1:
                raise
            raise Interrupted(str(error)) from error  # the other ranks can't have seen it


def _lease(job: Job, fresh: bool) -> Lease:
    return Lease(job.folder, job.store.locks, job.say, prepare=lambda: _prepare(job, fresh))


def _run_teacher(config: RunConfig, job: Job, pace_s: float) -> None:
    job.say(f"{job.run_id} is taught by the hard run of the same data and seed, which comes first:")
    try:
        run(config, console=job.console, pace_s=pace_s)
    except RunFailed as error:
        raise type(error)(
            f"{job.run_id} has no teacher (method.teacher=null takes its hard run): {error}\nmend that run, or name a"
            " finished one by method.teacher=RUN_ID"
        ) from None


def _is_finished(job: Job) -> bool:
    record = read_record(job.folder)
    if record is None or record["status"] != FINISHED:
        return False
    job.say(f"{job.run_id} is finished already; --fresh would train it anew")
    return True


def _prepare(job: Job, fresh: bool) -> None:
    if fresh and (aside := job.store.move_aside(job.run_id)) is not None:
        job.say(f"moved the earlier run aside to {aside}")
    for leftover in job.folder.rglob(".*.part"):  # of a process that was killed while it wrote
        leftover.unlink()


def _execute(job: Job, inputs: Inputs, device: torch.device, lease: Lease | None) -> Path:
    try:
        return _train(job, inputs, device, lease)
    except (Interrupted, Held, KeyboardInterrupt):
        raise
    except Exception as error:
        if is_of_lost_rank(error):
            raise Interrupted("another rank is gone; the same command goes on from the last checkpoint") from error
        line = _recorded(job, error, device, lease)
        failed_alike = all_come(job.config.runtime.rank_timeout_s)
        raise (RunFailed if failed_alike else RankFailed)(line) from error


def _recorded(job: Job, error: Exception, device: torch.device, lease: Lease | None) -> str:
    """The line that tells of a failure, of which the rank with the lease leaves a record."""
    if lease is None:
        return f"{job.run_id} failed on rank {rank()}: {type(error).__name__}: {error}"
    lease.look()
    return record_failure(job, error, device)


def _train(job: Job, inputs: Inputs, device: torch.device, lease: Lease | None) -> Path:
    if inputs.labels is not None and inputs.labels.warning:
        job.say(inputs.labels.warning)
    if lease is not None:
        write_text(job.folder / "config.yaml", to_yaml(job.config))
    with StopRequest() as stop:
        trainer = _trainer(job, inputs, device, stop, lease)
        _announce(job, trainer, device)
        finished_epochs = trainer.written_epochs
        with _watching(job, finished_epochs, lease) as observers:
            trainer.observers = observers
            finished = trainer.fit()
    if not finished:
        raise Interrupted(f"stopped in epoch {trainer.progress.epoch + 1}; the same command goes on from there")
    if lease is None:
        return job.folder / NAME
    lease.look()
    return write_record(job.folder, finished_record(job, trainer, inputs))


def _trainer(job: Job, inputs: Inputs, device: torch.device, stop: StopRequest, lease: Lease | None) -> Trainer:
    config = as_read(job.config, inputs.data)
    task = task_of(config, inputs, device)
    trainer = Trainer(
        task=task,
        learner=learner_of(config, device, load_teacher(config, device), training_set_of(task), inputs.start),
        recipe=config.recipe,
        runtime=config.runtime,
        artifacts=Artifacts(job.folder, job.about()),
        checkpoints=CheckpointFolder(job.folder, job.say, guard=lease.look if lease else _no_lease),
        stop=stop,
        history=[this_process(config.runtime, device) | {"unreadable": list(left_out(inputs.data))}],
        seed=config.seed,
    )
    trainer.resume()
    _refuse_other_photographs(trainer)
    return trainer


def _refuse_other_photographs(trainer: Trainer) -> None:
    """Samples are numbered: a run can't go on without images that it began with, or with more."""
    first, *_, last = [entry["unreadable"] for entry in (trainer.history[0], *trainer.history)]
    if first != last:
        raise UserError(
            f"{len(last)} images can't be decoded now and {len(first)} when the run began: put the files back as they"
            " were, or start anew with --fresh"
        )


def _no_lease() -> None:
    raise AssertionError("a rank without the lease writes nothing")


def _announce(job: Job, trainer: Trainer, device: torch.device) -> None:
    config, progress = job.config, trainer.progress
    what = f"{config.dataset.name} · {config.backbone.name} · {config.method.name} · seed {config.seed}"
    if config.method.own_recipe(config.recipe.epochs) is not None:
        own = f"method={config.method.name} brings its own optimiser and schedule"
        job.say(f"{own}; of the recipe, {', '.join(REPLACED)} are not used")
    job.say(f"{job.run_id}: {what} · preset {config.preset} · {config.recipe.epochs} epochs on {device}{told()}")
    if progress.epoch or progress.step:
        job.say(f"going on after epoch {progress.epoch}, step {progress.step}")
    if not is_bitwise(trainer.history):
        job.say("an earlier process worked at it with other threads, ranks, device or versions: no longer bitwise")


@dataclass
class _LeaseWatch:
    """Ends the training once another process has taken the lease."""

    lease: Lease

    def on_step(self, progress: TrainingProgress, steps: int) -> None:
        self.lease.refuse_if_lost()

    def on_epoch(self, row: Row) -> None:
        self.lease.refuse_if_lost()


@contextmanager
def _watching(job: Job, finished_epochs: int, lease: Lease | None) -> Iterator[Sequence[Observer]]:
    if lease is None:
        yield []
        return
    epochs = job.config.recipe.epochs
    with ExitStack() as stack:
        observers: list[Observer] = [_LeaseWatch(lease)]
        if job.console.is_terminal:
            observers.append(stack.enter_context(Bar(epochs, job.console, job.pace_s)))
        else:
            observers.append(Lines(epochs, job.say, job.pace_s))
        if job.config.runtime.tensorboard:
            board = TensorBoard(job.folder / "tensorboard", finished_epochs)
            stack.callback(board.close)
            observers.append(board)
        yield observers
