"""What a cell reads from the record and the curve of a run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from filled_store import finished_record, write_curve
from written_records import put_record

from olsrepro.experiments.collect import Outcome, outcome_of_folder, outcomes, training_end, value
from olsrepro.experiments.files import load
from olsrepro.experiments.request import Request
from olsrepro.experiments.wanted import Wanted, wanted_cells
from olsrepro.files.lease import Holder
from olsrepro.store.record import FAILED

TABLE = load("table7")
RUN = wanted_cells(TABLE, Request("paper"))["ols", "noise_40"][0]


def row(epoch: int, train_err: float, wrong: int) -> Mapping[str, Any]:
    return {"epoch": epoch, "train_err": train_err, "n_flipped": 200, "hit_flipped_wrong": wrong, "test_top1_err": 1.0}


def finished(root: Path, curve: list[Mapping[str, Any]] | None = None) -> Outcome:
    record = finished_record(RUN, last=40.0, best=38.0)
    record["errors"]["last"]["epoch"] = 12
    record["errors"]["best"]["epoch"] = 3
    put_record(root / RUN.id, record)
    if curve is not None:
        write_curve(root / RUN.id, [dict(item) for item in curve])
    return outcomes([RUN], root)[RUN.id]


def test_each_selection_rule_reads_its_own_error(tmp_path: Path) -> None:
    outcome = finished(tmp_path)
    assert value(outcome, TABLE, "top1_err", "last") == 40.0
    assert value(outcome, TABLE, "top1_err", "best") == 38.0
    assert value(outcome, TABLE, "top5_err", "best") == 9.5


def test_a_curves_metric_is_read_at_the_epoch_of_the_rule(tmp_path: Path) -> None:
    outcome = finished(tmp_path, [row(epoch, 100.0 - epoch, 10 * epoch) for epoch in range(1, 13)])
    assert value(outcome, TABLE, "train_err", "last") == 88.0
    assert value(outcome, TABLE, "train_err", "best") == 97.0
    assert value(outcome, TABLE, "train_err", "mean_of_last_ten") == pytest.approx(sum(range(88, 98)) / 10)
    assert value(outcome, TABLE, "train_err_at_5", "last") == 95.0


def test_the_error_on_wrong_labels_counts_the_flipped_images_alone(tmp_path: Path) -> None:
    outcome = finished(tmp_path, [row(epoch, 50.0, 10 * epoch) for epoch in range(1, 13)])
    assert value(outcome, TABLE, "wrong_label_err", "last") == 100 * (200 - 120) / 200


def test_a_run_without_flipped_images_has_no_error_on_them(tmp_path: Path) -> None:
    clean = [dict(row(epoch, 50.0, 0), n_flipped=0) for epoch in range(1, 13)]
    assert value(finished(tmp_path, clean), TABLE, "wrong_label_err", "last") is None


def test_a_lost_curve_gives_no_number(tmp_path: Path) -> None:
    assert value(finished(tmp_path), TABLE, "train_err", "last") is None


def test_an_evaluation_that_is_not_built_yet_gives_no_number(tmp_path: Path) -> None:
    outcome = finished(tmp_path)
    waiting = Outcome(Wanted(RUN.id, 0, RUN.config, "evaluation=ece"), outcome.folder, outcome.state, outcome.record)
    assert value(waiting, TABLE, "top1_err", "last") is None


def test_a_run_that_nobody_began_is_missing(tmp_path: Path) -> None:
    assert outcomes([RUN], tmp_path)[RUN.id].state == "missing"


def test_a_failed_run_says_why(tmp_path: Path) -> None:
    error = {"kind": "out of memory", "message": "no room", "traceback": None, "at": "now"}
    put_record(tmp_path / RUN.id, {**finished_record(RUN, 1.0), "status": FAILED, "error": error})
    outcome = outcomes([RUN], tmp_path)[RUN.id]
    assert outcome.state == "failed"
    assert outcome.problem == f"{RUN.id} failed (out of memory): no room"
    assert value(outcome, TABLE, "top1_err", "last") is None


def test_a_run_that_is_being_written_names_the_writer(tmp_path: Path) -> None:
    (tmp_path / RUN.id).mkdir()
    holder = Holder("elsewhere", 17, "then", "token")
    (tmp_path / RUN.id / "lease.json").write_text(json.dumps(holder.__dict__))
    outcome = outcomes([RUN], tmp_path)[RUN.id]
    assert (outcome.state, outcome.problem) == ("running", f"{RUN.id} is being written by pid 17 on elsewhere")


@pytest.mark.parametrize("damage", ["half", "edited", "schema"])
def test_a_record_that_cannot_be_trusted_is_named_left_alone_and_not_counted(damage: str, tmp_path: Path) -> None:
    path = finished(tmp_path).folder / "record.json"
    text = path.read_text()
    other = {
        "half": text[:100],
        "edited": text.replace("38.0", "18.0"),
        "schema": text.replace('"schema": ', '"schema": 9'),
    }
    path.write_text(other[damage])
    outcome = outcomes([RUN], tmp_path)[RUN.id]
    assert outcome.state == "broken"
    assert str(path) in outcome.problem
    assert value(outcome, TABLE, "top1_err", "best") is None
    assert path.read_text() == other[damage]


def test_how_a_training_ended_is_its_last_error_or_none_for_one_that_diverged(tmp_path: Path) -> None:
    assert training_end(finished(tmp_path, [row(1, 60.0, 0), row(2, 55.0, 0)])) == (55.0,)
    error = {"kind": "not finite", "message": "loss", "traceback": None, "at": "now"}
    put_record(tmp_path / RUN.id, {**finished_record(RUN, 1.0), "status": FAILED, "error": error})
    assert training_end(outcomes([RUN], tmp_path)[RUN.id]) == (None,)


def test_how_a_training_ended_is_unknown_without_an_end(tmp_path: Path) -> None:
    assert training_end(outcomes([RUN], tmp_path)[RUN.id]) is None


def test_a_folder_can_be_looked_up_by_itself(tmp_path: Path) -> None:
    assert outcome_of_folder(finished(tmp_path).folder).state == "finished"


@pytest.mark.parametrize("where", ["elsewhere", "here"])
def test_a_run_whose_writer_is_gone_is_not_called_being_written(where: str, tmp_path: Path) -> None:
    dead = replace(Holder.of_this_process(), started="another time")
    holder = dead if where == "here" else replace(dead, host="elsewhere")
    path = tmp_path / RUN.id / "lease.json"
    path.parent.mkdir()
    path.write_text(json.dumps(asdict(holder)))
    if where == "elsewhere":
        assert outcome_of_folder(path.parent).state == "running"
        an_hour_ago = time.time() - 3600
        os.utime(path, (an_hour_ago, an_hour_ago))
    assert outcome_of_folder(path.parent).state == "missing"
