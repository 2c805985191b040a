"""Where runs lie, and that nothing is overwritten when one is moved aside."""

from __future__ import annotations

from pathlib import Path

import pytest
from written_records import failed_run, finished_run, put_record

from olsrepro.store.folder import Store
from olsrepro.store.record import FAILED, FINISHED, NAME


def test_a_run_lies_in_a_folder_of_its_id(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.run_folder("abc-s0") == tmp_path / "abc-s0"
    assert store.locks == tmp_path / ".locks"
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_not_there_is_not_moved(tmp_path: Path) -> None:
    assert Store(tmp_path).move_aside("abc-s0") is None
    assert list(tmp_path.iterdir()) == []


def test_runs_moved_aside_are_numbered_and_all_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for content in ("first", "second", "third"):
        store.run_folder("abc-s0").mkdir()
        (store.run_folder("abc-s0") / "file").write_text(content)
        moved = store.move_aside("abc-s0")
        assert moved is not None
        assert (moved / "file").read_text() == content
        assert not store.run_folder("abc-s0").exists()
    kept = {path.name: (path / "file").read_text() for path in (tmp_path / "aside").iterdir()}
    assert kept == {"abc-s0.1": "first", "abc-s0.2": "second", "abc-s0.3": "third"}


def test_a_number_that_is_free_again_is_taken(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "aside" / "abc-s0.2").mkdir(parents=True)
    store.run_folder("abc-s0").mkdir()
    assert store.move_aside("abc-s0") == tmp_path / "aside" / "abc-s0.1"
    store.run_folder("abc-s0").mkdir()
    assert store.move_aside("abc-s0") == tmp_path / "aside" / "abc-s0.3"


def put(store: Store, run_id: str, status: str) -> Path:
    made = {FINISHED: finished_run, FAILED: failed_run}[status](run_id)
    return put_record(store.run_folder(run_id), made)


def test_records_come_by_id_and_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store, "c-s0", FINISHED)
    put(store, "a-s10", FAILED)
    put(store, "b-s1", FINISHED).write_text('{"schema": 2, ')
    edited = put(store, "d-s0", FAILED)
    edited.write_text(edited.read_text().replace(FAILED, FINISHED))
    (store.run_folder("e-s0") / NAME).mkdir(parents=True)
    told = {folder.name: found if isinstance(found, str) else found["status"] for folder, found in store.records()}
    assert list(told) == ["a-s10", "b-s1", "c-s0", "d-s0", "e-s0"]
    assert (told["a-s10"], told["c-s0"]) == (FAILED, FINISHED)
    for run_id, why in (("b-s1", "is damaged"), ("d-s0", "was edited by hand"), ("e-s0", "can't be read")):
        assert told[run_id].startswith(f"{store.run_folder(run_id) / NAME} {why}")
    assert [record["run_id"] for record in store.readable_records()] == ["a-s10", "c-s0"]


def test_what_is_no_run_is_no_record(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(store, "a-s0", FINISHED)
    put(store, "b-s0", FINISHED)
    store.move_aside("b-s0")
    put(Store(tmp_path / "facts"), "method-abc", FINISHED)
    put(store, ".hidden-s0", FINISHED)
    put(store, "a-s0.1", FINISHED)
    (tmp_path / "notes-s1").write_text("a file")
    store.run_folder("started-s0").mkdir()
    assert store.run_ids() == ["a-s0", "started-s0"]
    assert [folder.name for folder, _ in store.records()] == ["a-s0"]


@pytest.mark.parametrize("name", ["missing", "file"])
def test_where_there_is_no_store_there_are_no_records(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert list(Store(tmp_path / name).records()) == []


def test_records_are_read_one_by_one(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for run_id in ("a-s0", "b-s0"):
        put(store, run_id, FINISHED)
    records = store.records()
    next(records)
    (store.run_folder("b-s0") / NAME).unlink()
    assert list(records) == []
