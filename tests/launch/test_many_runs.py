"""Many runs in one process."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from olsrepro.config.compose import compose_run
from olsrepro.config.run_config import RunConfig
from olsrepro.files.lease import Lease
from olsrepro.launch.many import run_many
from olsrepro.launch.watchers import Pace
from olsrepro.settings import UserError
from olsrepro.store.folder import Store
from olsrepro.store.identity import run_id

TINY = ["dataset=digits", "backbone=resnet8", "backbone.width=0.25", "recipe.epochs=1", "recipe.batch_size=512"]
TINY += ["runtime.device=cpu", "runtime.threads=1", "runtime.tensorboard=false", "method=hard"]


def config(*lines: str) -> RunConfig:
    return compose_run([*TINY, *lines])


def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def text(of: Console) -> str:
    assert isinstance(of.file, io.StringIO)
    return of.file.getvalue()


def test_a_failure_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    told = console()
    done = run_many([config("recipe.weight_decay=1e30"), config("seed=1")], told)
    assert done.trained == 1
    assert len(done.failed) == 1
    assert "failed (not finite)" in done.failed[0]
    assert "[2/2] " in text(told)
    assert (tmp_path / "runs" / run_id(config("seed=1")) / "record.json").is_file()


def test_a_run_that_another_process_writes_is_left_to_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs")
    with Lease(store.run_folder(run_id(config())), store.locks, lambda _: None, prepare=lambda: None):
        done = run_many([config(), config("seed=1")], console())
    assert (done.trained, len(done.held)) == (1, 1)


def test_nothing_is_started_where_a_data_set_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="olsrepro data fetch cifar10"):
        run_many([config(), compose_run(["dataset=cifar10", "backbone=resnet8"])], console())
    assert not list((tmp_path / "runs").glob("*-s*"))


def test_the_pace_lets_a_line_through_when_its_time_has_come() -> None:
    times = iter([0.0, 4.0, 10.0, 15.0, 20.0])
    pace = Pace(10.0, lambda: next(times))
    assert [pace.is_due() for _ in range(4)] == [False, True, False, True]


def test_without_a_pace_every_line_comes_through() -> None:
    assert all(Pace(0.0).is_due() for _ in range(3))
