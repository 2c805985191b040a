"""Observers that show progress: a bar on a terminal, a line for each epoch elsewhere, TensorBoard."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from olsrepro.training.progress import Row, TrainingProgress

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

RowTexts = Sequence[tuple[str, str]]
"""Keys of a row that an epoch's line shows beside rate, loss and speed, each with its format."""


def epoch_line(row: Row, epochs: int, row_texts: RowTexts) -> str:
    """Return the line that reports an epoch."""
    errors = "".join(text.format(row[key]) for key, text in row_texts)
    return (
        f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}  lr {row['lr']:<8.3g} train loss {row['train_loss']:.4f}"
        f"{errors}  {row['images_per_s']:.0f} images/s"
    )


class Pace:
    """Limit that lets something through at most every ``every_s`` seconds; everything if that is 0."""

    def __init__(self, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._clock = clock
        self._last = clock()

    def is_due(self) -> bool:
        """Return whether the time has passed; if so, it starts again."""
        now = self._clock()
        if self._every_s and now - self._last < self._every_s:
            return False
        self._last = now
        return True


class Lines:
    """Observer that prints a line for an epoch, at most every ``every_s`` seconds."""

    def __init__(
        self, epochs: int, say: Callable[[str], None], every_s: float = 0.0, *, row_texts: RowTexts = ()
    ) -> None:
        self._row_texts = row_texts
        self._epochs = epochs
        self._say = say
        self._pace = Pace(every_s)

    def on_step(self, progress: TrainingProgress, steps: int) -> None:
        """Do nothing: lines are for epochs."""

    def on_epoch(self, row: Row) -> None:
        """Print the epoch's line, if one is due."""
        if self._pace.is_due():
            self._say(epoch_line(row, self._epochs, self._row_texts))


class Bar:
    """Progress bar with the time left, shown from the first step on, and epochs' lines above it; a context manager."""

    def __init__(self, epochs: int, console: Console, every_s: float = 0.0, *, row_texts: RowTexts = ()) -> None:
        self._row_texts = row_texts
        self._epochs = epochs
        self._pace = Pace(every_s)
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=console, transient=True
        )
        self._task = self._bar.add_task("training", total=None)
        self._begun = False

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def on_step(self, progress: TrainingProgress, steps: int) -> None:
        """Move the bar to the steps done."""
        done = progress.epoch * steps + progress.step
        if not self._begun:  # the time left is estimated from this process alone, not from what was done before
            self._bar.start()
            self._bar.reset(self._task, total=self._epochs * steps, completed=done - 1)
            self._begun = True
        self._bar.update(self._task, completed=done, description=f"epoch {progress.epoch + 1}/{self._epochs}")

    def on_epoch(self, row: Row) -> None:
        """Print the epoch's line above the bar, if one is due."""
        if self._pace.is_due():
            self._bar.console.print(epoch_line(row, self._epochs, self._row_texts), highlight=False)


class TensorBoard:
    """Observer that writes each epoch's scalars; points that an earlier process wrote past a checkpoint are purged."""

    def __init__(self, folder: Path, scalars: Sequence[str]) -> None:
        self._folder = folder
        self._scalars = scalars
        self._open: SummaryWriter | None = None

    def on_step(self, progress: TrainingProgress, steps: int) -> None:
        """Do nothing: curves are of epochs."""

    def on_epoch(self, row: Row) -> None:
        """Write the epoch's scalars and flush them."""
        writer = self._writer(row["epoch"])
        for key in self._scalars:
            writer.add_scalar(key, row[key], row["epoch"])
        writer.flush()

    def close(self) -> None:
        """Close the event file, if one is open."""
        if self._open is not None:
            self._open.close()

    def _writer(self, epoch: int) -> Any:
        if self._open is None:
            from torch.utils.tensorboard import SummaryWriter  # imported late: it takes a second

            self._open = SummaryWriter(str(self._folder), purge_step=epoch)
        return self._open
