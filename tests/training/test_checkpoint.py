"""Checkpoints come back bit for bit, and a damaged one is never taken for a whole one."""

from __future__ import annotations

import io
import re
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from other_contents import OTHER_CONTENT

from olsrepro.files.atomic import StorageError
from olsrepro.files.lease import Held
from olsrepro.training import checkpoint as module
from olsrepro.training.checkpoint import NAME, PREDECESSOR, CheckpointFolder, CorruptCheckpoint, load, save

WEIGHTS = torch.linspace(-1, 1, 64)


def state(step: int) -> dict[str, Any]:
    return {
        "learner": OrderedDict(weights=WEIGHTS + step, count=torch.tensor(step)),
        "progress": {"step": step, "seconds": 0.1, "rows": [{"epoch": 1, "name": "x", "best": None, "done": True}]},
        3: (1, float("inf")),
    }


def assert_is(found: dict[str, Any] | None, step: int) -> None:
    assert found is not None
    expected = state(step)
    assert found.keys() == expected.keys()
    learner = found.pop("learner")
    assert torch.equal(learner["weights"], expected["learner"]["weights"])
    assert torch.equal(learner["count"], torch.tensor(step))
    assert found == {key: value for key, value in expected.items() if key != "learner"}


def intact(content: bytes, path: Path) -> bool:
    """Whether a file of this content is loaded, and as it was saved; False if it is refused."""
    path.write_bytes(content)
    try:
        found = load(path)
    except CorruptCheckpoint:
        return False
    assert_is(found, 1)
    return True


@pytest.fixture
def saved(tmp_path: Path) -> bytes:
    save(tmp_path / "saved.pt", state(1))
    return (tmp_path / "saved.pt").read_bytes()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def folder(tmp_path: Path, said: list[str]) -> CheckpointFolder:
    """A folder with the checkpoints of steps 1 and 2."""
    folder = CheckpointFolder(tmp_path, said.append)
    folder.save(state(1))
    folder.save(state(2))
    return folder


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    """Change one bit of a number inside the weights."""
    content = bytearray(path.read_bytes())
    weights = next(WEIGHTS + step for step in (1, 2) if (WEIGHTS + step).numpy().tobytes() in content)
    content[content.index(weights.numpy().tobytes()) + 13] ^= 1
    path.write_bytes(content)


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    save(tmp_path / "file.pt", state(5))
    assert_is(load(tmp_path / "file.pt"), 5)


def test_a_file_torn_at_any_length_is_refused(saved: bytes, tmp_path: Path) -> None:
    lengths = [*range(0, len(saved), 97), len(saved) - 1]
    assert not any(intact(saved[:length], tmp_path / "torn.pt") for length in lengths)


def test_a_file_with_a_changed_byte_anywhere_is_refused_or_means_the_same(saved: bytes, tmp_path: Path) -> None:
    refused = []
    for at in range(0, len(saved), 11):
        content = bytearray(saved)
        content[at] ^= 0xFF
        refused.append(not intact(bytes(content), tmp_path / "changed.pt"))
    assert sum(refused) > len(refused) / 3


def test_a_member_that_became_a_folder_is_refused(saved: bytes, tmp_path: Path) -> None:
    """torch's reader skips such a member and leaves its tensor as the memory happens to be."""
    entries = [match.start() for match in re.finditer(b"PK\x01\x02", saved)]
    assert len(entries) > 3
    for entry in entries:
        content = bytearray(saved)
        content[entry + 38] |= 0x10  # external attributes: a folder of MS-DOS
        assert not intact(bytes(content), tmp_path / "changed.pt")


def test_a_changed_bit_inside_a_tensor_is_refused_by_its_sum(saved: bytes, tmp_path: Path) -> None:
    start = saved.index((WEIGHTS + 1).numpy().tobytes())
    for at in range(start, start + 4 * len(WEIGHTS), 37):
        content = bytearray(saved)
        content[at] ^= 0x10
        assert not intact(bytes(content), tmp_path / "changed.pt")


def test_the_refusal_names_the_file_and_the_member(saved: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.pt").write_bytes(saved)
    flip(tmp_path / "file.pt")
    with pytest.raises(CorruptCheckpoint, match=r"^file\.pt: .*data/0 is damaged$"):
        load(tmp_path / "file.pt")


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x00" * 5000])
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    assert not intact(content, tmp_path / "file.pt")


@pytest.mark.parametrize("content", OTHER_CONTENT)
def test_what_lies_in_a_checkpoints_place_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.pt").write_bytes(content)
    with pytest.raises(CorruptCheckpoint, match=rf"^file\.pt: it is {re.escape(OTHER_CONTENT[content])}$"):
        load(tmp_path / "file.pt")


def test_a_foreign_object_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"state\.a\[1\] is a Fraction"):
        save(tmp_path / "file.pt", {"a": [1, Fraction(1, 2)]})
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_object_is_not_loaded(tmp_path: Path) -> None:
    torch.save({"a": Fraction(1, 2)}, tmp_path / "file.pt")
    with pytest.raises(CorruptCheckpoint, match=r"^file\.pt: it is damaged or no checkpoint$"):
        load(tmp_path / "file.pt")


def test_a_file_that_cannot_be_read_is_not_called_damaged(folder: CheckpointFolder) -> None:
    (folder.folder / NAME).unlink()
    (folder.folder / NAME).mkdir()
    with pytest.raises(IsADirectoryError):
        folder.newest()


def test_a_full_disk_while_saving_is_a_storage_error_and_the_old_one_stays(folder: CheckpointFolder) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(StorageError, match="no space left"):
            folder.save({"large": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(path.name for path in folder.folder.iterdir()) == [PREDECESSOR, NAME]
    assert_is(folder.newest(), 2)


def test_an_empty_folder_has_no_checkpoint_and_says_nothing(tmp_path: Path, said: list[str]) -> None:
    assert CheckpointFolder(tmp_path, said.append).newest() is None
    assert said == []


def test_the_newest_is_taken_and_its_predecessor_kept(folder: CheckpointFolder, said: list[str]) -> None:
    assert_is(folder.newest(), 2)
    assert_is(load(folder.folder / PREDECESSOR), 1)
    assert said == []


@pytest.mark.parametrize("damage", [tear, flip])
def test_a_damaged_checkpoint_is_named_and_its_predecessor_taken(
    damage: Any, folder: CheckpointFolder, said: list[str]
) -> None:
    damage(folder.folder / NAME)
    assert_is(folder.newest(), 1)
    assert len(said) == 2
    assert re.match(rf"{re.escape(NAME)}: .*; trying the one before it", said[0])
    assert said[1] == f"resuming from {PREDECESSOR}"


@pytest.mark.parametrize("damage", [tear, flip])
def test_without_a_whole_checkpoint_the_start_is_said(damage: Any, folder: CheckpointFolder, said: list[str]) -> None:
    damage(folder.folder / NAME)
    damage(folder.folder / PREDECESSOR)
    assert folder.newest() is None
    assert [line.partition(":")[0] for line in said[:2]] == [NAME, PREDECESSOR]
    assert said[2:] == ["no whole checkpoint is left; starting from the beginning"]


def test_a_damaged_checkpoint_never_takes_the_place_of_its_whole_predecessor(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    tear(folder.folder / NAME)
    assert_is(folder.newest(), 1)

    def killed(path: Path, state: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            folder.save(state(2))
    assert_is(folder.newest(), 1)
    folder.save(state(3))
    folder.save(state(4))
    assert_is(load(folder.folder / NAME), 4)
    assert_is(load(folder.folder / PREDECESSOR), 3)


def test_a_file_is_the_same_as_torch_would_write(saved: bytes) -> None:
    assert_is(torch.load(io.BytesIO(saved), weights_only=True), 1)


def test_a_guard_that_refuses_keeps_both_files_as_they_are(folder: CheckpointFolder) -> None:
    def refuse() -> None:
        raise Held("taken over")

    guarded = CheckpointFolder(folder.folder, guard=refuse)
    with pytest.raises(Held, match="taken over"):
        guarded.save(state(3))
    assert_is(load(folder.folder / NAME), 2)
    assert_is(load(folder.folder / PREDECESSOR), 1)


def inside_epoch(step: int) -> dict[str, Any]:
    return state(step) | {"inside_epoch": True}


def steps_kept(folder: Path) -> tuple[int, int]:
    """The steps of the newest checkpoint and of its predecessor."""
    newest, before = (load(folder / name)["progress"]["step"] for name in (NAME, PREDECESSOR))
    return newest, before


def test_inside_an_epoch_the_predecessor_remains_that_of_the_epochs_beginning(folder: CheckpointFolder) -> None:
    kept = []
    for each in (inside_epoch(3), inside_epoch(4), inside_epoch(5), state(6), state(7)):
        folder.save(each)
        kept.append(steps_kept(folder.folder))
    assert kept == [(3, 2), (4, 2), (5, 2), (6, 2), (7, 6)]


def test_a_process_that_resumes_inside_an_epoch_keeps_the_predecessor_too(folder: CheckpointFolder) -> None:
    folder.save(inside_epoch(3))
    resumed = CheckpointFolder(folder.folder)
    found = resumed.newest()
    assert found is not None
    resumed.save(inside_epoch(4))
    assert steps_kept(folder.folder) == (4, 2)


def test_the_first_checkpoints_of_all_are_kept_both_though_inside_an_epoch(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save(inside_epoch(1))
    folder.save(inside_epoch(2))
    assert steps_kept(tmp_path) == (2, 1)
    folder.save(inside_epoch(3))
    assert steps_kept(tmp_path) == (3, 1)
