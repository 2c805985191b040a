"""Who watches a training: lines, the bar, TensorBoard's points."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from olsrepro.cli.main import main
from olsrepro.launch import event_file
from olsrepro.launch.watchers import Bar, ByProduct, Lines, Pace, TensorBoard, epoch_line
from olsrepro.training.progress import TrainingProgress
from olsrepro.training.tasks import task_kind

KIND = task_kind("classification")


def line(row: dict[str, Any], epochs: int) -> str:
    return epoch_line(row, epochs, KIND.row_texts)


def row(epoch: int, process: int = 0) -> dict[str, Any]:
    """An epoch's row whose test error tells which process wrote it."""
    return {
        "epoch": epoch,
        "lr": 0.1,
        "train_loss": 1.23456,
        "train_err": 7.5,
        "test_loss": 2.0,
        "test_top1_err": 10.0 * process + epoch,
        "test_top5_err": 100.0,
        "images_per_s": 1234.5,
    }


def points(folder: Path, key: str) -> list[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(key)]


def write(folder: Path, epochs: list[int], *, process: int) -> None:
    board = TensorBoard(folder, KIND.scalars)
    for epoch in epochs:
        board.on_epoch(row(epoch, process))


def test_an_epochs_line_has_its_numbers_in_columns() -> None:
    assert line(row(7), 300) == (
        "epoch   7/300  lr 0.1      train loss 1.2346  train err   7.50 %"
        "  test err   7.00 % top-1 100.00 % top-5  1234 images/s"
    )
    assert len(line(row(7), 300)) == len(line(row(299) | {"lr": 0.000123}, 300))


@pytest.mark.parametrize(("num_classes", "has_top5"), [(4, False), (5, False), (6, True)])
def test_an_epochs_line_has_no_top_5_error_among_at_most_five_classes(num_classes: int, has_top5: bool) -> None:
    text = epoch_line(row(7), 300, KIND.row_texts_of(num_classes))
    assert "top-1" in text
    assert ("top-5" in text) == has_top5


def test_lines_are_said_for_epochs_and_not_for_steps() -> None:
    said: list[str] = []
    lines = Lines(2, said.append, row_texts=KIND.row_texts)
    lines.on_step(TrainingProgress(), 3)
    for epoch in (1, 2):
        lines.on_epoch(row(epoch))
    assert said == [line(row(1), 2), line(row(2), 2)]


def test_the_bar_prints_each_epochs_line_and_ends_with_it() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=200)
    with Bar(2, console, row_texts=KIND.row_texts) as bar:
        bar.on_step(TrainingProgress(epoch=1, step=1), 2)
        task = bar._bar.tasks[0]
        assert (task.completed, task.total, task.description) == (3, 4, "epoch 2/2")
        bar.on_step(TrainingProgress(epoch=1, step=2), 2)
        assert task.completed == 4
        bar.on_epoch(row(2))
    assert line(row(2), 2) in out.getvalue()
    assert bar._bar.finished


def test_every_scalar_of_an_epoch_is_a_point(tmp_path: Path) -> None:
    write(tmp_path, [1, 2], process=0)
    for key in KIND.scalars:
        assert points(tmp_path, key) == [(epoch, pytest.approx(row(epoch)[key])) for epoch in (1, 2)]


def test_points_past_the_checkpoint_are_replaced_and_not_doubled(tmp_path: Path) -> None:
    write(tmp_path, [1, 2, 3], process=1)
    write(tmp_path, [2, 3, 4], process=2)
    assert points(tmp_path, "test_top1_err") == [(1, 11.0), (2, 22.0), (3, 23.0), (4, 24.0)]


def test_a_process_that_finishes_no_epoch_writes_no_file(tmp_path: Path) -> None:
    write(tmp_path / "board", [], process=0)
    assert not (tmp_path / "board").exists()


def test_the_pace_lets_a_line_through_when_its_time_has_come() -> None:
    times = iter([0.0, 4.0, 10.0, 15.0, 20.0])
    pace = Pace(10.0, lambda: next(times))
    assert [pace.is_due() for _ in range(4)] == [False, True, False, True]


def test_without_a_pace_every_line_comes_through() -> None:
    assert all(Pace(0.0).is_due() for _ in range(3))


class Failing:
    """Observer that fails whenever it is called, and counts the calls."""

    def __init__(self) -> None:
        self.calls = 0

    def on_step(self, progress: TrainingProgress, steps: int) -> None:
        self.calls += 1
        raise OSError(errno.ENOSPC, "No space left on device")

    def on_epoch(self, row: dict[str, Any]) -> None:
        self.on_step(TrainingProgress(), 1)


def test_a_by_product_that_fails_is_reported_once_and_left_out() -> None:
    said: list[str] = []
    failing = Failing()
    watched = ByProduct(failing, "the picture", said.append)
    for epoch in (1, 2):
        watched.on_step(TrainingProgress(), 1)
        watched.on_epoch(row(epoch))
    assert said == ["the picture failed: No space left on device; the run goes on without"]
    assert failing.calls == 1


def test_a_full_disk_below_the_scalars_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, events: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(event_file, "_append", full)
    lines = ["dataset=digits", "backbone=resnet8", "backbone.width=0.25", "recipe.epochs=2", "recipe.batch_size=512"]
    assert main(["train", *lines, "method=hard", "runtime.device=cpu", f"runtime.runs_dir={tmp_path}"]) == 0
    told = capsys.readouterr()
    assert told.out.count("TensorBoard's scalars failed: No space left on device; the run goes on without") == 1
    assert "Traceback" not in told.out + told.err
