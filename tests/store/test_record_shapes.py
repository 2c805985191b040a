"""Records with a right digest over what no run writes: refused with the part that is wrong, never raised over."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written_records import (
    JUNK,
    evaluation,
    failed_run,
    finished_run,
    measurement,
    places,
    put_as_it_is,
    put_text,
    replaced,
    without,
)

from olsrepro.evaluation.registry import read_settings
from olsrepro.settings import UserError
from olsrepro.store.cost import speeds_of, timed_speeds
from olsrepro.store.curve import read_curve
from olsrepro.store.evaluations import evaluation_folder, evaluation_id, read_evaluation, read_evaluations, read_tensors
from olsrepro.store.facts import read_facts
from olsrepro.store.folder import Store
from olsrepro.store.record import read_record

RUN_ID = "0123456789abcdef-s0"
SOFT_LABEL = read_settings({"name": "soft_label"})
LABEL = {"class_names": ["a", "b"], "row": [0.25, 0.75], "target": 1}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"errors": {}}, "errors.last is missing"),
        ({"errors": "low"}, "errors must be a mapping"),
        ({"status": [1]}, "status must be finished or failed"),
        ({"status": "later"}, "status must be finished or failed"),
        ({"config": []}, "config must be a mapping"),
        ({"config": {"preset": ["x"]}}, "config.dataset is missing"),
        ({"history": []}, "history must be a list of at least 1"),
        ({"history": [1]}, r"history\[0\] must be a mapping"),
        ({"training": {"images_per_s": "fast", "device": "cpu"}}, "training.images_per_s must be a number of at lea"),
        ({"training": {"images_per_s": -1.0, "device": "cpu"}}, "training.images_per_s must be a number of at least 0"),
        ({"files": {"best.pt": None}}, "files.best.pt must be text"),
        ({"unreadable": [1]}, r"unreadable\[0\] must be text"),
        ({"status": "failed"}, "error is missing"),
        ({"status": "failed", "error": {"kind": "crash"}}, "error.message is missing"),
        ({"run_id": ["x"]}, "run_id must be text"),
    ],
    ids=str,
)
def test_a_right_digest_over_a_wrong_shape_is_refused_with_the_part_that_is_wrong(
    change: Mapping[str, Any], fault: str, tmp_path: Path
) -> None:
    path = put_as_it_is(tmp_path / RUN_ID, finished_run(RUN_ID) | change)
    with pytest.raises(UserError, match=rf"^{path} is damaged: {fault}.*; move it away, or start over with --fresh$"):
        read_record(path.parent)


@pytest.mark.parametrize("levels", [40, 600, 100_000])
def test_a_record_that_is_nested_without_end_is_damaged(levels: int, tmp_path: Path) -> None:
    text = '{\n  "schema": 2,\n  "noise": ' + "[" * levels + "]" * levels + "\n}"
    path = put_text(tmp_path / RUN_ID, text)
    with pytest.raises(UserError, match=f"^{path} is damaged; move it away"):
        read_record(path.parent)


RECORDS = {"finished": finished_run(RUN_ID), "failed": failed_run(RUN_ID)}


@pytest.mark.parametrize("kind", RECORDS)
def test_what_later_versions_add_anywhere_is_passed_over(kind: str, tmp_path: Path) -> None:
    record: dict[str, Any] = RECORDS[kind]
    for place in [(), *places(record)]:
        value: Any = record
        for key in place:
            value = value[key]
        if isinstance(value, dict) and place != ("files",):
            record = replaced(record, (*place, "later"), {"added": [1]})
    put_as_it_is(tmp_path / RUN_ID, record)
    assert read_record(tmp_path / RUN_ID).items() >= record.items()


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=200)
@given(st.data())
def test_whatever_stands_anywhere_a_record_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    record = data.draw(st.sampled_from(sorted(RECORDS.items())))[1]
    place = data.draw(st.sampled_from(places(record)))
    odd = without(record, place) if data.draw(st.booleans()) else replaced(record, place, data.draw(JUNK))
    root = tmp_path_factory.mktemp("store")
    put_as_it_is(root / RUN_ID, odd)
    ((_, found),) = Store(root).records()
    if isinstance(found, str):
        assert found.isprintable()
    else:
        speeds_of([found])


def test_a_run_of_a_method_that_is_not_known_has_no_speed() -> None:
    assert speeds_of([replaced(finished_run(RUN_ID), ("config", "method", "name"), "later")]) == {}


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_whatever_an_evaluation_says_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    record = evaluation(evaluation_id(SOFT_LABEL), RUN_ID, detail=LABEL)
    odd = replaced(record, data.draw(st.sampled_from(places(record))), data.draw(JUNK))
    run = tmp_path_factory.mktemp("run")
    put_as_it_is(evaluation_folder(run, SOFT_LABEL), odd)
    assert len(list(read_evaluations(run))) == 1
    with suppress(UserError):
        found = read_evaluation(run, SOFT_LABEL)
        assert len(found["detail"]["row"]) == len(found["detail"]["class_names"]) > found["detail"]["target"]


@pytest.mark.parametrize(
    "detail", [{}, LABEL | {"row": [1.0]}, LABEL | {"target": 2}, LABEL | {"target": -1}, LABEL | {"class_names": "ab"}]
)
def test_a_label_that_names_not_every_class_is_refused_and_the_others_are_read(
    detail: dict[str, Any], tmp_path: Path
) -> None:
    put_as_it_is(evaluation_folder(tmp_path, SOFT_LABEL), evaluation(evaluation_id(SOFT_LABEL), detail=detail))
    put_as_it_is(tmp_path / "evaluations" / "ece-0", evaluation("ece-0"))
    put_as_it_is(tmp_path / "evaluations" / "ece-1", evaluation("ece-1", values={"ece": "low"}))
    with pytest.raises(UserError, match=r"is damaged: .*; move its folder away, and it is measured again$"):
        read_evaluation(tmp_path, SOFT_LABEL)
    first, second, _ = read_evaluations(tmp_path)
    assert first["run_id"] == "ece-0"
    assert "ece-1/record.json is damaged: values.ece must be a number; move its folder away" in second


def test_tensors_that_can_not_be_read_are_named(tmp_path: Path) -> None:
    for prepare in (lambda: None, lambda: (tmp_path / "tensors.safetensors").write_bytes(b"\xff" * 20)):
        prepare()
        with pytest.raises(UserError, match=r"tensors\.safetensors can't be read .*; move its folder away"):
            read_tensors(tmp_path)


@settings(deadline=None)
@given(st.data())
def test_whatever_measured_facts_say_they_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    record = measurement("speed-0", images_per_s=5.0)
    odd = replaced(record, data.draw(st.sampled_from(places(record))), data.draw(JUNK))
    root = tmp_path_factory.mktemp("store")
    put_as_it_is(root / "facts" / "speed-0", odd)
    assert all(speed.images_per_s >= 0 for speed in timed_speeds(Store(root)).values())
    with suppress(UserError):
        assert read_facts(root / "facts" / "speed-0")["run_id"] == "speed-0"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (b"{", "line 2 is no JSON"),
        (b"[" * 10**5, "line 2 is no JSON"),
        (b"5", "line 2: it must be a mapping"),
        (b"{}", "line 2: epoch is missing"),
        (b'{"epoch": 2, "train_err": "low"}', "line 2: train_err must be a number"),
        (b'{"epoch": 2, "train_err": NaN}', "line 2 is no JSON"),
        (b'{"epoch": 2, "n_flipped": 1e-90}', "line 2: n_flipped must be a whole number"),
    ],
)
def test_a_damaged_row_of_a_curve_is_named(line: bytes, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "curves.jsonl"
    path.write_bytes(b'{"epoch": 1, "later": null}\n')
    assert read_curve(tmp_path) == [{"epoch": 1, "later": None}]
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(UserError, match=f"^{path} is damaged: {fault}$"):
        read_curve(tmp_path)


def test_a_store_that_can_not_be_listed_is_told_and_a_link_in_a_circle_is_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "circle-s0").symlink_to(tmp_path / "circle-s0")
    assert Store(tmp_path).run_ids() == []

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(UserError, match=f"^{tmp_path} can't be read as a store of runs: Permission denied$"):
        Store(tmp_path).run_ids()
