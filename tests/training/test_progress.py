"""Where a training stands, and which epoch is its best."""

from __future__ import annotations

import json
from typing import Any

import pytest

from olsrepro.training.progress import TrainingProgress


def after(*objectives: float) -> tuple[TrainingProgress, list[bool]]:
    progress = TrainingProgress()
    return progress, [progress.finish_epoch({"epoch": at}, value) for at, value in enumerate(objectives, 1)]


@pytest.mark.parametrize(
    ("objectives", "best", "news"),
    [
        ([30.0], 1, [True]),
        ([30.0, 20.0, 25.0], 2, [True, True, False]),
        ([30.0, 20.0, 20.0], 2, [True, True, False]),
        ([10.0, 10.0, 9.0, 9.0], 3, [True, False, True, False]),
        ([float("inf"), float("inf")], 1, [True, False]),
    ],
)
def test_the_best_epoch_is_the_first_with_the_lowest_objective(
    objectives: list[float], best: int, news: list[bool]
) -> None:
    progress, told = after(*objectives)
    assert (progress.best_epoch, progress.best_objective) == (best, min(objectives))
    assert told == news


def test_before_the_first_test_nothing_is_best() -> None:
    assert TrainingProgress().best_epoch is None


def test_finishing_an_epoch_starts_the_next_at_its_first_step() -> None:
    progress = TrainingProgress(epoch=0, step=7, seconds=3.5)
    progress.finish_epoch({"epoch": 1, "x": 1.0}, 50.0)
    assert (progress.epoch, progress.step, progress.seconds) == (1, 0, 0.0)
    assert progress.rows == [{"epoch": 1, "x": 1.0}]


def test_a_state_is_plain_apart_from_its_progress_and_comes_back_whole() -> None:
    progress, _ = after(30.0, 20.0)
    progress.step, progress.seconds = 4, 1.5
    state: dict[str, Any] = progress.state_dict()
    assert TrainingProgress.from_state(json.loads(json.dumps(state))) == progress
    progress.rows[0]["epoch"] = 99
    progress.finish_epoch({"epoch": 3}, 1.0)
    assert state["rows"] == [{"epoch": 1}, {"epoch": 2}]
    assert state["best_epoch"] == 2
