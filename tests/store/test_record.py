"""What a record says about a run's errors, and which files are taken for one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written_records import failed_run, finished_run

from olsrepro.settings import UserError
from olsrepro.store.record import FAILED, FINISHED, NAME, SCHEMA, errors, read_record, write_record

TESTED = ("top1_err", "top5_err")


def curve(*top1: float) -> list[dict[str, float]]:
    """Rows with these top-1 errors; the top-5 error tells the epoch: its number over 10."""
    return [
        {"epoch": epoch, "test_top1_err": error, "test_top5_err": epoch / 10} for epoch, error in enumerate(top1, 1)
    ]


def test_errors_of_a_long_run_are_of_the_last_epoch_the_best_and_the_last_ten() -> None:
    rows = curve(90, 2, *range(50, 40, -1))
    assert errors(rows, best_epoch=2, tested=TESTED) == {
        "last": {"top1_err": 41, "top5_err": 1.2, "epoch": 12},
        "best": {"top1_err": 2, "top5_err": 0.2, "epoch": 2},
        "mean_of_last_ten": {
            "top1_err": pytest.approx(45.5),
            "top5_err": pytest.approx(0.75),
            "epochs": 10,
        },
    }


def test_a_short_run_has_the_mean_of_what_there_is_and_says_of_how_many() -> None:
    mean = errors(curve(30, 20, 40), best_epoch=2, tested=TESTED)["mean_of_last_ten"]
    assert mean == {"top1_err": pytest.approx(30), "top5_err": pytest.approx(0.2), "epochs": 3}


def test_a_run_of_one_epoch_is_its_own_last_best_and_mean() -> None:
    found = errors(curve(30), best_epoch=1, tested=TESTED)
    assert found["last"] == found["best"] == {"top1_err": 30, "top5_err": 0.1, "epoch": 1}
    assert found["mean_of_last_ten"] == {"top1_err": 30, "top5_err": 0.1, "epochs": 1}


def test_the_top5_error_of_the_best_is_that_of_its_epoch_not_the_lowest() -> None:
    assert errors(curve(30, 10, 20), best_epoch=2, tested=TESTED)["best"]["top5_err"] == 0.2


def test_a_record_comes_back_as_it_was_written_with_its_schema_and_its_digest(tmp_path: Path) -> None:
    record = finished_run(tmp_path.name)
    path = write_record(tmp_path, record)
    assert path == tmp_path / NAME
    assert path.read_text().startswith(f'{{\n  "schema": 2,\n  "run_id": "{tmp_path.name}",\n  "canonical": {{\n')
    text = json.dumps({"schema": 2, **record}, indent=2)
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert read_record(tmp_path) == {"schema": 2, **record, "digest": digest}


def test_without_a_record_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    assert read_record(tmp_path) is None
    assert read_record(tmp_path / "no folder") is None
    assert read_record(tmp_path / "a file") is None


@pytest.mark.parametrize("content", [b"", b'{"schema": 1, ', b"\xff\xfe"])
def test_a_damaged_record_is_named_and_left(content: bytes, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(UserError, match=f"^{tmp_path / NAME} is damaged; .*--fresh$"):
        read_record(tmp_path)
    assert (tmp_path / NAME).read_bytes() == content


@pytest.mark.parametrize("value", [{"schema": 1, "status": FINISHED}, {"status": FINISHED}, [1], "text"])
def test_a_record_of_another_schema_is_refused(value: object, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(json.dumps(value))
    with pytest.raises(UserError, match=r"is not of schema 2; .*--fresh$"):
        read_record(tmp_path)


def test_a_number_that_is_not_finite_enters_no_record(tmp_path: Path) -> None:
    write_record(tmp_path, finished_run(tmp_path.name))
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_record(tmp_path, finished_run(tmp_path.name, loss=float("nan")))
    assert read_record(tmp_path)["status"] == FINISHED


def set_error(record: dict[str, Any]) -> None:
    record["errors"]["last"] = 1.4


def drop_note(record: dict[str, Any]) -> None:
    del record["note"]


def add_claim(record: dict[str, Any]) -> None:
    record["errors"]["best"] = 1.0


def make_finished(record: dict[str, Any]) -> None:
    record["status"] = FINISHED


def drop_digest(record: dict[str, Any]) -> None:
    del record["digest"]


def make_text(record: dict[str, Any]) -> None:
    record["errors"]["last"] = "1.5"


@pytest.mark.parametrize("edit", [set_error, drop_note, add_claim, make_finished, drop_digest, make_text])
def test_a_record_that_was_edited_by_hand_is_named_and_left(
    edit: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    path = write_record(tmp_path, {"status": FAILED, "errors": {"last": 1.5}, "note": "größer"})
    record = json.loads(path.read_text())
    written = path.read_text()
    assert json.dumps(record, indent=2) + "\n" == written
    edit(record)
    path.write_text(json.dumps(record, indent=2) + "\n")
    with pytest.raises(UserError, match=f"^{path} was edited by hand or is damaged; .*--fresh$"):
        read_record(tmp_path)
    assert json.loads(path.read_text()) == record


@pytest.mark.parametrize("layout", [{"indent": 1}, {"indent": None}, {"indent": 2, "sort_keys": True}])
def test_a_record_that_was_written_again_in_another_layout_counts_as_edited(
    layout: dict[str, Any], tmp_path: Path
) -> None:
    path = write_record(tmp_path, {"status": FINISHED, "errors": {"last": 1.5, "best": 1.0}})
    path.write_text(json.dumps(json.loads(path.read_text()), **layout) + "\n")
    with pytest.raises(UserError, match="was edited by hand or is damaged"):
        read_record(tmp_path)


def test_a_record_in_another_runs_folder_is_named(tmp_path: Path) -> None:
    first, second = tmp_path / "a-s0", tmp_path / "b-s0"
    first.mkdir()
    path = write_record(first, finished_run("a-s0"))
    assert read_record(first)["run_id"] == "a-s0"
    first.rename(second)
    with pytest.raises(
        UserError, match=f"^{second / NAME} was edited by hand or is damaged: it is the record of a-s0;"
    ):
        read_record(second)
    assert not path.exists()


def test_a_record_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(UserError, match=f"^{tmp_path / NAME} can't be read .*--fresh$"):
        read_record(tmp_path)


def test_a_record_that_was_read_can_be_written_anew(tmp_path: Path) -> None:
    write_record(tmp_path, failed_run(tmp_path.name))
    record = read_record(tmp_path)
    write_record(tmp_path, record | finished_run(tmp_path.name))
    assert read_record(tmp_path)["status"] == FINISHED
    assert read_record(tmp_path)["schema"] == SCHEMA


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.tuples(inside, inside)
        | st.dictionaries(st.text(max_size=3) | st.integers(0, 20), inside, max_size=3)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["noise", "clean_set", "later"]), PLAIN))
def test_whatever_a_record_holds_beside_what_readers_need_it_is_read(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    write_record(folder, finished_run(folder.name, **values))
    assert read_record(folder).items() >= json.loads(json.dumps(values)).items()
