"""One run in this process: lease, training from the last checkpoint on, record."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from olsrepro.config.run_config import RunConfig
from olsrepro.config.to_yaml import to_yaml
from olsrepro.data.clean_set import clean_indices
from olsrepro.data.images import ImageData
from olsrepro.data.noise import NoisyLabels, noisy_targets
from olsrepro.data.registry import read_dataset
from olsrepro.files.atomic import StorageError, write_text
from olsrepro.files.checksum import sha256
from olsrepro.files.lease import Held, Lease
from olsrepro.launch.learner import learner_of
from olsrepro.launch.provenance import is_bitwise, now, this_process
from olsrepro.launch.teacher import load_teacher, train_teacher
from olsrepro.launch.watchers import Bar, Lines, TensorBoard
from olsrepro.settings import UserError
from olsrepro.store.folder import Store
from olsrepro.store.identity import canonical, run_id
from olsrepro.store.record import FAILED, FINISHED, NAME, Record, errors, read_record, write_record
from olsrepro.training.artifacts import ENSEMBLE, LABEL_TABLES, Artifacts
from olsrepro.training.checkpoint import CheckpointFolder
from olsrepro.training.progress import Progress, Row
from olsrepro.training.settings import REPLACED
from olsrepro.training.setup import prepare_device
from olsrepro.training.stop import StopRequest
from olsrepro.training.task import Classification
from olsrepro.training.trainer import NonFinite, Observer, Trainer


class RunFailed(Exception):
    """A run could not be finished; its record says why."""


class Interrupted(Exception):
    """A run was asked to stop and has written a checkpoint."""


@dataclass
class Job:
    """A run being executed: its config, where it lies, and whom it tells about it."""

    config: RunConfig
    store: Store
    console: Console = field(default_factory=lambda: Console(file=sys.stdout, highlight=False, soft_wrap=True))
    pace_s: float = 0.0

    def __post_init__(self) -> None:
        self.run_id = run_id(self.config)
        self.folder = self.store.run_folder(self.run_id)

    def say(self, line: str) -> None:
        """Tell the user a line."""
        self.console.print(line, markup=False, highlight=False)


def run(config: RunConfig, *, fresh: bool = False, console: Console | None = None, pace_s: float = 0.0) -> Path:
    """Train what the config describes, or go on with it, unless its record is there already; the record's path.

    A run that should teach it and is not there yet is trained first.

    Args:
        config: a composed, validated run.
        fresh: move an earlier folder of this run aside and start anew.
        console: where progress is told; standard output by default.
        pace_s: an epoch's line is told at most every so many seconds.

    Raises:
        UserError: data are missing, the device is not there, a record is damaged, the teacher can't teach.
        Held: another process writes this run or its teacher's.
        Interrupted: a signal asked for a stop; the same command goes on.
        RunFailed: the training failed; a record of the failure is left.
    """
    job = Job(config, Store(Path(config.runtime.runs_dir)), pace_s=pace_s)
    if console is not None:
        job.console = console
    if not fresh and _is_finished(job):
        return job.folder / NAME
    train_teacher(config, lambda teacher: _run_teacher(teacher, job, pace_s))
    device = prepare_device(config.runtime)
    data = read_dataset(config.dataset, Path(config.runtime.data_dir))
    with Lease(job.folder, job.store.locks, job.say, prepare=lambda: _prepare(job, fresh)) as lease:
        if _is_finished(job):
            return job.folder / NAME
        return _execute(job, data, device, lease)


def _run_teacher(config: RunConfig, job: Job, pace_s: float) -> None:
    job.say(f"{job.run_id} is taught by the hard run of the same data and seed, which comes first:")
    try:
        run(config, console=job.console, pace_s=pace_s)
    except RunFailed as error:
        raise RunFailed(
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


def _execute(job: Job, data: ImageData, device: torch.device, lease: Lease) -> Path:
    try:
        return _train(job, data, device, lease)
    except (Interrupted, Held, KeyboardInterrupt):
        raise
    except Exception as error:
        lease.look()
        raise RunFailed(_record_failure(job, error, device)) from error


def _train(job: Job, data: ImageData, device: torch.device, lease: Lease) -> Path:
    config = job.config
    clean = clean_samples(config, data)
    labels = noisy_targets(data.train_targets, config.dataset.num_classes, config.noise, config.seed, clean)
    if labels.warning:
        job.say(labels.warning)
    write_text(job.folder / "config.yaml", to_yaml(config))
    with StopRequest() as stop:
        task = _task(job, data, labels, clean, device)
        trainer = _trainer(job, task, device, stop, lease)
        _announce(job, trainer, device)
        with _watching(job, trainer.written_epochs, lease) as observers:
            trainer.observers = observers
            finished = trainer.fit()
    if not finished:
        raise Interrupted(f"stopped in epoch {trainer.progress.epoch + 1}; the same command goes on from there")
    lease.look()
    return write_record(job.folder, _finished_record(job, trainer, labels, clean))


def clean_samples(config: RunConfig, data: ImageData) -> Tensor | None:
    """The samples of the clean set that the method wants, int64, rising; None where it wants none."""
    wanted = config.method.clean_set()
    if wanted is None:
        return None
    classes = config.dataset.num_classes
    try:
        return clean_indices(data.train_targets, classes, wanted.size, per_class=wanted.per_class, seed=config.seed)
    except ValueError as error:
        raise UserError(f"method.{error}") from None


def _task(job: Job, data: ImageData, labels: NoisyLabels, clean: Tensor | None, device: torch.device) -> Classification:
    config = job.config
    layout = config.runtime.channels_last
    return Classification(
        data, labels, config.recipe, config.method, config.seed, device, channels_last=layout, clean=clean
    )


def _trainer(job: Job, task: Classification, device: torch.device, stop: StopRequest, lease: Lease) -> Trainer:
    config = job.config
    trainer = Trainer(
        task=task,
        learner=learner_of(config, device, load_teacher(config, device), task.training_set()),
        recipe=config.recipe,
        runtime=config.runtime,
        artifacts=Artifacts(job.folder),
        checkpoints=CheckpointFolder(job.folder, job.say, guard=lease.look),
        stop=stop,
        history=[this_process(config.runtime, device)],
        seed=config.seed,
    )
    trainer.resume()
    return trainer


def _announce(job: Job, trainer: Trainer, device: torch.device) -> None:
    config, progress = job.config, trainer.progress
    what = f"{config.dataset.name} · {config.backbone.name} · {config.method.name} · seed {config.seed}"
    if config.method.own_recipe(config.recipe.epochs) is not None:
        own = f"method={config.method.name} brings its own optimiser and schedule"
        job.say(f"{own}; of the recipe, {', '.join(REPLACED)} are not used")
    job.say(f"{job.run_id}: {what} · preset {config.preset} · {config.recipe.epochs} epochs on {device}")
    if progress.epoch or progress.step:
        job.say(f"going on after epoch {progress.epoch}, step {progress.step}")
    if not is_bitwise(trainer.history):
        job.say("an earlier process worked at it with other threads, device or versions: no longer bitwise")


@dataclass
class _LeaseWatch:
    """Ends the training once another process has taken the lease."""

    lease: Lease

    def on_step(self, progress: Progress, steps: int) -> None:
        self.lease.refuse_if_lost()

    def on_epoch(self, row: Row) -> None:
        self.lease.refuse_if_lost()


@contextmanager
def _watching(job: Job, finished_epochs: int, lease: Lease) -> Iterator[Sequence[Observer]]:
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


def _finished_record(job: Job, trainer: Trainer, labels: NoisyLabels, clean: Tensor | None) -> Record:
    progress = trainer.progress
    assert progress.best_epoch is not None
    return {
        **_identity(job),
        "status": FINISHED,
        "errors": errors(progress.rows, progress.best_epoch),
        "noise": _noise(job.config, labels),
        **({} if clean is None else {"clean_set": clean.tolist()}),
        "training": _cost(progress.rows) | {"device": trainer.history[-1]["device"]},
        "files": {name: sha256(job.folder / name) for name in _files(job, trainer)},
        "bitwise": is_bitwise(trainer.history),
        "history": trainer.history,
        "finished": now(),
    }


def _noise(config: RunConfig, labels: NoisyLabels) -> dict[str, Any]:
    """What the labels were made of, all switches, and what they came to."""
    noise = config.noise
    seed = config.seed if noise.seed is None else noise.seed
    return asdict(noise) | {
        "seed": None if noise.kind == "file" else seed,
        "measured_rate": labels.rate,
        "flipped": int(labels.flipped.sum()),
        "labels_sha256": labels.sha256,
    }


def _files(job: Job, trainer: Trainer) -> list[str]:
    """The files that evaluations read, as far as they are what the record says.

    After a damaged checkpoint and a change of device, the epoch that ``best.pt`` is of may have come out otherwise.
    """
    if trainer.artifacts.epoch_of("best") == trainer.progress.best_epoch:
        which = ["best", "last"]
    else:
        job.say(f"the weights of the best epoch, {trainer.progress.best_epoch}, are lost; best.pt is of another")
        which = ["last"]
    tables = f"{LABEL_TABLES}/epoch_{job.config.recipe.epochs:04d}.safetensors"
    names = [*(f"{one}.pt" for one in which), *(f"{one}_logits.safetensors" for one in which), tables, ENSEMBLE]
    return [name for name in names if (job.folder / name).is_file()]


def _cost(rows: Sequence[Row]) -> dict[str, Any]:
    seen = sum(row["images"] for row in rows)
    seconds = sum(row["seconds"] for row in rows)
    return {"images": seen, "seconds": round(seconds, 3), "images_per_s": round(seen / max(seconds, 1e-9), 1)}


def _identity(job: Job) -> Record:
    config = job.config.as_dict()
    runtime = config.pop("runtime")
    return {"run_id": job.run_id, "canonical": canonical(job.config), "config": config, "runtime": runtime}


def _record_failure(job: Job, error: Exception, device: torch.device) -> str:
    """Leave a record of the failure if the disk still takes one; the line that tells of it."""
    line = str(error).splitlines()[0] if str(error) else type(error).__name__
    trace = "".join(traceback.format_exception(error)) if not isinstance(error, (UserError, NonFinite)) else None
    detail = {"kind": _kind(error), "message": line, "traceback": trace, "at": now()}
    process = this_process(job.config.runtime, device)
    try:
        write_record(job.folder, {**_identity(job), "status": FAILED, "error": detail, "history": [process]})
    except StorageError:
        return f"{job.run_id} failed: {line}"
    return f"{job.run_id} failed ({detail['kind']}): {line}\nrecord: {job.folder / NAME}"


def _kind(error: Exception) -> str:
    kinds: list[tuple[type[Exception], str]] = [
        (torch.cuda.OutOfMemoryError, "out of memory"),
        (MemoryError, "out of memory"),
        (NonFinite, "not finite"),
        (StorageError, "storage"),
        (UserError, "refused"),
    ]
    return next((name for cls, name in kinds if isinstance(error, cls)), "crash")
