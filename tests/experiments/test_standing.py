"""How far things are."""

from __future__ import annotations

import json
from pathlib import Path

from filled_store import fill_store, finished_record
from written_records import put_as_it_is, put_record

from olsrepro.experiments.files import load
from olsrepro.experiments.request import Request
from olsrepro.experiments.standing import standing
from olsrepro.files.lease import Holder
from olsrepro.store.folder import Store
from olsrepro.store.record import FAILED


def test_an_empty_store_has_nothing_and_every_experiment_is_at_its_beginning(tmp_path: Path) -> None:
    found = standing(Store(tmp_path / "nowhere"), Request())
    assert (found.finished, found.failed, found.running, found.broken) == ((), (), (), ())
    assert {item.name: (item.finished, item.wanted) for item in found.experiments}["table2"] == (0, 165)


def test_records_are_counted_by_what_became_of_them(tmp_path: Path) -> None:
    runs = fill_store(tmp_path, load("table8"), Request(), lambda *_: 7.0)
    error = {"kind": "crash", "message": "boom", "traceback": None, "at": "now"}
    put_record(tmp_path / runs[0].id, {**finished_record(runs[0], 7.0), "status": FAILED, "error": error})
    (tmp_path / runs[1].id / "record.json").write_text("{")
    (tmp_path / runs[2].id / "record.json").unlink()
    holder = Holder("elsewhere", 17, "then", "token")
    (tmp_path / runs[2].id / "lease.json").write_text(json.dumps(holder.__dict__))
    found = standing(Store(tmp_path), Request())
    assert set(found.finished) == {run.id for run in runs[3:]}
    assert found.failed == (f"{runs[0].id} failed (crash): boom",)
    assert len(found.broken) == 1
    assert str(tmp_path / runs[1].id) in found.broken[0]
    assert found.running == (f"{runs[2].id} is being written by pid 17 on elsewhere",)
    assert found.presets == {"paper": 3}


def test_an_experiment_counts_runs_that_another_one_trained(tmp_path: Path) -> None:
    fill_store(tmp_path, load("table8"), Request(), lambda *_: 7.0)
    progress = {item.name: (item.finished, item.wanted) for item in standing(Store(tmp_path), Request()).experiments}
    assert progress["table12"] == (6, 6)
    assert progress["figure7a"] == (2, 10)


def test_every_kind_of_damage_is_found_among_records_that_are_whole(tmp_path: Path) -> None:
    runs = fill_store(tmp_path, load("table8"), Request(), lambda *_: 7.0)
    whole, cut, edited, moved, odd, empty = (run.id for run in runs)
    texts = {run.id: (tmp_path / run.id / "record.json").read_text() for run in runs}
    (tmp_path / cut / "record.json").write_text(texts[cut][:-30])
    (tmp_path / edited / "record.json").write_text(texts[edited].replace('"top1_err": 7.0', '"top1_err": 6.0', 1))
    (tmp_path / moved / "record.json").write_text(texts[whole])
    put_as_it_is(tmp_path / odd, {**finished_record(runs[4], 7.0), "unreadable": [1]})
    (tmp_path / empty / "record.json").write_text("")
    found = standing(Store(tmp_path), Request())
    assert found.finished == (whole,)
    reasons = {
        cut: "is damaged;",
        edited: "was edited by hand or is damaged;",
        moved: f"it is the record of {whole};",
        odd: "is damaged: unreadable[0] must be text;",
        empty: "is damaged;",
    }
    assert len(found.broken) == len(reasons)
    for name, reason in reasons.items():
        assert [line for line in found.broken if name in line.partition("record.json")[0] and reason in line]
