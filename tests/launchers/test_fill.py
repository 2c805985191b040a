"""Filling experiments by a launcher: what it is given, what is done without it, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from filled_store import finished_record
from written_records import evaluation, put_as_it_is, put_record

from olsrepro.config.run_config import RunConfig
from olsrepro.experiments.files import load
from olsrepro.experiments.filled import Filled, want
from olsrepro.experiments.request import parse_request
from olsrepro.experiments.wanted import Wanted, distinct, measurements
from olsrepro.launchers.base import Launched
from olsrepro.launchers.fill import Filling, fill
from olsrepro.store.evaluations import evaluation_folder, evaluation_id
from olsrepro.store.identity import run_id


@dataclass
class Scribe:
    """A launcher that trains nothing: it notes what it is given, and writes records of it."""

    runs_dir: Path
    interrupted: str = ""
    held: tuple[str, ...] = ()
    given: list[str] = field(default_factory=list)

    def train(self, configs: Sequence[RunConfig]) -> Launched:
        for config in configs:
            self.given.append(run_id(config))
            write_finished(self.runs_dir, Wanted(run_id(config), config.seed, config))
        return Launched(len(configs), held=self.held, interrupted=self.interrupted)


def write_finished(runs: Path, run: Wanted) -> None:
    put_record(runs / run.id, {**finished_record(run, 20.0), "files": {}})


def smoke(name: str, runs: Path, *lines: str) -> Filled:
    return want([load(name)], parse_request(["preset=smoke", f"runtime.runs_dir={runs}", *lines]))


def fill_by(launcher: Scribe, filled: Filled, *, agrees: bool = True) -> tuple[Filling, list[str]]:
    """What comes of it, and all that was said."""
    told: list[str] = []

    def agree(line: str) -> bool:
        told.append(line)
        return agrees

    return fill(filled, launcher, agree=agree, say=told.append), told


def test_a_launcher_gets_the_missing_runs_in_the_order_in_which_they_are_wanted(tmp_path: Path) -> None:
    filled = smoke("demo", tmp_path, "seeds=2")
    first, *rest = distinct(filled.wanted.values()).values()
    write_finished(tmp_path, first)
    filled.look()
    launcher = Scribe(tmp_path)
    filling, told = fill_by(launcher, filled)
    assert launcher.given == [run.id for run in rest]
    assert filling == Filling(Launched(5))
    (cost,) = told
    assert cost.startswith("to train: 5 runs, ")
    assert all(filled.is_finished(run.config) for run in rest if run.config is not None)


def test_where_nothing_is_missing_nobody_is_asked(tmp_path: Path) -> None:
    filled = smoke("demo", tmp_path)
    for run in distinct(filled.wanted.values()).values():
        write_finished(tmp_path, run)
    filled.look()
    launcher = Scribe(tmp_path)
    assert fill_by(launcher, filled, agrees=False) == (Filling(), [])
    assert launcher.given == []


def test_what_is_not_agreed_to_is_not_trained(tmp_path: Path) -> None:
    launcher = Scribe(tmp_path)
    filling, _ = fill_by(launcher, smoke("demo", tmp_path), agrees=False)
    assert filling == Filling(declined=True)
    assert launcher.given == []


def test_runs_that_were_held_and_are_finished_after_all_are_not_counted_as_held(tmp_path: Path) -> None:
    launcher = Scribe(tmp_path, held=("demo is being written by pid 7",))
    filling, _ = fill_by(launcher, smoke("demo", tmp_path))
    assert filling.launched.held == ()


def test_an_evaluation_that_cannot_be_made_is_told_and_counted(tmp_path: Path) -> None:
    """The records have no weights beside them."""
    filling, (_, *told) = fill_by(Scribe(tmp_path), smoke("table11", tmp_path))
    assert len(filling.unmeasured) == 9
    assert all(line in told for line in filling.unmeasured)
    assert told[-1] == "9 of the evaluations could not be made; the lines above say why"


def test_after_a_stop_nothing_is_evaluated(tmp_path: Path) -> None:
    filling, told = fill_by(Scribe(tmp_path, interrupted="stopped"), smoke("table11", tmp_path))
    assert filling == Filling(Launched(9, interrupted="stopped"))
    assert len(told) == 1


def test_another_rank_than_the_first_leaves_evaluations_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"RANK": 1, "WORLD_SIZE": 2, "LOCAL_RANK": 1, "LOCAL_WORLD_SIZE": 2, "MASTER_ADDR": "a", "MASTER_PORT": 1}
    for name, value in told.items():
        monkeypatch.setenv(name, str(value))
    filling, told = fill_by(Scribe(tmp_path), smoke("table11", tmp_path))
    assert filling == Filling(Launched(9), left_to_first=True)
    assert len(told) == 1


def test_a_damaged_evaluation_is_told_and_does_not_keep_the_others_from_being_made(tmp_path: Path) -> None:
    filled = smoke("table12", tmp_path)
    for run in distinct(filled.wanted.values()).values():
        write_finished(tmp_path, run)
    (run, settings), *_ = measurements(filled.wanted.values())
    folder = evaluation_folder(tmp_path / run.id, settings)
    put_as_it_is(folder, evaluation(evaluation_id(settings), values=[]))
    filled.look()
    filling, told = fill_by(Scribe(tmp_path), filled)
    (line,) = (line for line in filling.unmeasured if str(folder) in line)
    assert line.startswith(f"{run.id}: {folder}/record.json is damaged: values must be a mapping; move its folder away")
    assert line in told
    assert len(filling.unmeasured) > 1
