"""Where runs lie, and that nothing is overwritten when one is moved aside."""

from __future__ import annotations

from pathlib import Path

from olsrepro.store.folder import Store


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
