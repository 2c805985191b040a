"""Many runs in one process."""

from __future__ import annotations

import io
import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from rich.console import Console
from written_records import finished_run, put_record

from olsrepro.cli import exit_codes
from olsrepro.cli.main import main
from olsrepro.config.compose import compose_run
from olsrepro.config.run_config import RunConfig
from olsrepro.files.lease import Held, Lease
from olsrepro.launch.errors import Interrupted
from olsrepro.launchers import dependencies, many
from olsrepro.launchers.base import Launched
from olsrepro.launchers.ends import Ends
from olsrepro.launchers.many import run_many
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
    assert re.search(r"^\[1/2\] failed, \d+\S* s$", text(told), re.M)
    assert re.search(r"^\[2/2\] finished: top1_err \d+\.\d\d, top5_err \d+\.\d\d, \S+ s$", text(told), re.M)
    assert (tmp_path / "runs" / run_id(config("seed=1")) / "record.json").is_file()


def test_the_end_of_a_run_says_how_long_the_rest_will_take(tmp_path: Path) -> None:
    three_epochs = [line.replace("epochs=1", "epochs=3") for line in TINY]
    runs = [config(), compose_run([*three_epochs, "seed=1"]), compose_run([*three_epochs, "seed=2"])]
    put_record(tmp_path / "runs" / run_id(runs[0]), finished_run(run_id(runs[0]), last=12.5))
    ends = Ends(runs)
    assert ends.line(1, 30.0) == "[1/3] finished: top1_err 12.50, top5_err 3.12, 30 s; 2 more will take about 3 min"
    assert ends.line(2, 8.0) == "[2/3] failed, 8 s; 1 more will take about 90 s"
    assert ends.line(3, 8.0) == "[3/3] failed, 8 s"


def test_a_run_whose_teacher_fails_is_told_and_the_rest_goes_on() -> None:
    taught = compose_run([*TINY[:-1], "method=tfkd_self", "recipe.weight_decay=1e30"])
    done = run_many([taught, config("seed=1")], console())
    (line,) = done.failed
    assert "has no teacher" in line
    assert done.trained == 1


def test_a_run_that_another_process_writes_is_left_to_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs")
    with Lease(store.run_folder(run_id(config())), store.locks, lambda _: None, prepare=lambda: None):
        done = run_many([config(), config("seed=1")], console())
    assert (done.trained, len(done.held)) == (1, 1)


def test_a_run_that_was_held_is_looked_at_again_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def held_at_first(config: RunConfig, **_: object) -> None:
        tried.append(config.seed)
        if config.seed == 0 and tried.count(0) == 1:
            raise Held("being written by pid 7 on elsewhere")

    monkeypatch.setattr(many, "run_with_dependencies", held_at_first)
    told = console()
    assert run_many([config(), config("seed=1")], told) == Launched(2)
    assert tried == [0, 1, 0]
    assert "being written by pid 7 on elsewhere; looked at again at the end" in text(told)


def test_runs_are_tried_again_as_long_as_one_of_them_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def held_thrice_at_most(config: RunConfig, **_: object) -> None:
        tried.append(config.seed)
        if tried.count(config.seed) <= config.seed:
            raise Held(f"seed {config.seed} is held")

    monkeypatch.setattr(many, "run_with_dependencies", held_thrice_at_most)
    runs = [config(f"seed={seed}") for seed in (1, 2, 4)]
    assert run_many(runs, console()) == Launched(2, held=("seed 4 is held",))
    assert tried == [1, 2, 4, 1, 2, 4, 2, 4, 4]


def test_held_runs_are_waited_for_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[int] = []

    def held_until_waited_for(config: RunConfig, **_: object) -> None:
        if len(waited) < 2:
            raise Held("held")

    monkeypatch.setattr(many, "run_with_dependencies", held_until_waited_for)
    monkeypatch.setattr(many, "wait_for_writer", lambda config, console: waited.append(config.seed))
    assert run_many([config("seed=3", "runtime.wait_for_held=true")], console()) == Launched(1)
    assert waited == [3, 3]


def test_a_single_run_waits_for_its_writer_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "runs")
    with ExitStack() as holding:
        holding.enter_context(Lease(store.run_folder(run_id(config())), store.locks, lambda _: None))
        assert main(["train", *TINY]) == exit_codes.HELD
        monkeypatch.setattr(dependencies, "wait_for_writer", lambda config, console: holding.close())
        assert main(["train", *TINY, "runtime.wait_for_held=true"]) == exit_codes.DONE


def test_nothing_is_started_where_a_data_set_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="olsrepro data fetch cifar10"):
        run_many([config(), compose_run(["dataset=cifar10", "backbone=resnet8"])], console())
    assert not list((tmp_path / "runs").glob("*-s*"))


def test_a_stop_is_told_with_what_was_trained_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[RunConfig] = []

    def stop_at_the_second(config: RunConfig, **_: object) -> None:
        if trained:
            raise Interrupted("stopped in epoch 1")
        trained.append(config)

    monkeypatch.setattr(many, "run_with_dependencies", stop_at_the_second)
    done = run_many([config(), config("seed=1"), config("seed=2")], console())
    assert (done.trained, done.interrupted) == (1, "stopped in epoch 1")
