"""Observers of training: progress for the user, TensorBoard, and the lease, which another process may have taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from olsrepro.files.lease import Lease
from olsrepro.launch.job import Job
from olsrepro.launch.watchers import Bar, ByProduct, Lines, TensorBoard
from olsrepro.training.progress import Row, TrainingProgress
from olsrepro.training.tasks import task_kind
from olsrepro.training.trainer import Observer


@dataclass
class LeaseWatch:
    """Observer that ends the training once another process has taken the lease."""

    lease: Lease

    def on_step(self, progress: TrainingProgress, steps: int) -> None:
        """Refuse to continue without the lease."""
        self.lease.refuse_if_lost()

    def on_epoch(self, row: Row) -> None:
        """Refuse to continue without the lease."""
        self.lease.refuse_if_lost()


@contextmanager
def observers_of(job: Job, lease: Lease | None) -> Iterator[Sequence[Observer]]:
    """Open the observers of a run, and close them at its end; only the rank with the lease has any."""
    if lease is None:
        yield []
        return
    config, kind = job.config, task_kind(job.config.dataset.task)
    texts = kind.row_texts_of(config.dataset.num_classes)
    with ExitStack() as stack:
        observers: list[Observer] = [LeaseWatch(lease)]
        if job.console.is_terminal:
            bar = Bar(config.recipe.epochs, job.console, job.pace_s, row_texts=texts)
            observers.append(ByProduct(stack.enter_context(bar), "the progress bar", job.say))
        else:
            lines = Lines(config.recipe.epochs, job.say, job.pace_s, row_texts=texts)
            observers.append(ByProduct(lines, "the epochs' lines", job.say))
        if config.runtime.tensorboard:
            board = TensorBoard(job.folder / "tensorboard", kind.scalars)
            observers.append(ByProduct(board, "TensorBoard's scalars", job.say))
        yield observers
