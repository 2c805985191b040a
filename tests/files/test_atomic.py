"""Files are there in full or not at all, whatever happens to their writer."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from olsrepro.files.atomic import StorageError, keep_predecessor, replacing, write_json, write_text

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with content ``old``, alone in its folder."""
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "file").write_text("old")
    return folder / "file"


def names(file: Path) -> list[str]:
    return sorted(path.name for path in file.parent.iterdir())


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """The system refuses to let any file of this process grow beyond ``size`` bytes."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_takes_its_name_when_the_writer_leaves_and_not_before(file: Path) -> None:
    with replacing(file) as writer:
        writer.write(b"new")
        writer.flush()
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert names(file) == ["file"]


def test_a_new_file_appears(file: Path) -> None:
    write_text(file.with_name("fresh"), "ä\n")
    assert file.with_name("fresh").read_bytes() == "ä\n".encode()


@pytest.mark.parametrize("error", [RuntimeError("mine"), KeyboardInterrupt()])
def test_a_writer_that_raises_leaves_the_old_file_and_nothing_else(file: Path, error: BaseException) -> None:
    def write_and_raise() -> None:
        with replacing(file) as writer:
            writer.write(b"half")
            raise error

    with pytest.raises(type(error)):
        write_and_raise()
    assert file.read_text() == "old"
    assert names(file) == ["file"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_at_the_sync_is_one_clear_line(file: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StorageError, match=f"^no space left for {file}: .*what was there before is intact$"):
        write_text(file, "new")
    assert file.read_text() == "old"
    assert names(file) == ["file"]


def test_a_full_disk_in_the_middle_of_writing_leaves_the_old_file(file: Path) -> None:
    with no_file_above(1000), pytest.raises(StorageError, match="no space left"):
        write_text(file, "x" * 100_000)
    assert file.read_text() == "old"
    assert names(file) == ["file"]


def test_another_error_of_the_system_is_told_with_its_reason(tmp_path: Path) -> None:
    target = tmp_path / "missing" / "file"
    with pytest.raises(StorageError, match=f"^cannot write {target}: No such file or directory$"):
        write_text(target, "new")


def test_the_content_is_on_the_disk_before_the_name_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    sync, replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        events.append("sync of the folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "sync of the file")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", lambda *paths: (events.append("rename"), replace(*paths)))
    write_text(file, "new")
    assert events == ["sync of the file", "rename", "sync of the folder"]


@pytest.mark.parametrize(("code", "refused"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_file_system_that_cannot_sync_folders_is_no_failure(
    file: Path, code: int, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, calls = os.fsync, []

    def fsync(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:  # the first is of the file itself
            raise OSError(code, os.strerror(code))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    if refused:
        with pytest.raises(StorageError):
            write_text(file, "new")
    else:
        write_text(file, "new")
        assert file.read_text() == "new"
    assert len(calls) == 2


def test_readers_see_the_old_file_or_the_new_one_and_never_a_part(file: Path) -> None:
    file.write_text("a" * 200_000)
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            text = file.read_text()
            seen.add(text if len(text) != 200_000 or len(set(text)) != 1 else text[0])

    reader = threading.Thread(target=read)
    reader.start()
    for letter in "bcdefghijklmnopqrst":
        write_text(file, letter * 200_000)
    done.set()
    reader.join()
    assert seen <= set("abcdefghijklmnopqrst")
    assert seen


def test_a_writer_killed_in_the_middle_leaves_the_old_file_whole(file: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from olsrepro.files.atomic import replacing\n"
        "with replacing(Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'); file.flush(); print('writing', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(file)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
    assert file.read_text() == "old"
    leftover = f".file.{process.pid}.part"
    assert names(file) == [leftover, "file"]
    assert file.with_name(leftover).read_bytes() == b"half"
    write_text(file, "new")
    assert file.read_text() == "new"


def test_json_keeps_the_order_of_its_keys_and_refuses_nan(file: Path) -> None:
    write_json(file, {"z": 1, "a": [1.5, None]})
    assert file.read_text() == '{\n  "z": 1,\n  "a": [\n    1.5,\n    null\n  ]\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(file, {"z": float("nan")})
    assert json.loads(file.read_text()) == {"z": 1, "a": [1.5, None]}


def refuse_links(*paths: object) -> None:
    raise OSError(errno.EPERM, "no hard links here")


@pytest.fixture(params=["hard links", "no hard links"])
def linking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "no hard links":
        monkeypatch.setattr(os, "link", refuse_links)


@pytest.mark.usefixtures("linking")
def test_a_predecessor_is_a_second_name_of_the_old_file(file: Path) -> None:
    before = file.with_name("before")
    keep_predecessor(file, before)
    assert (file.read_text(), before.read_text()) == ("old", "old")
    write_text(file, "new")
    assert (file.read_text(), before.read_text()) == ("new", "old")
    keep_predecessor(file, before)
    write_text(file, "newest")
    assert (file.read_text(), before.read_text()) == ("newest", "new")
    assert names(file) == ["before", "file"]


@pytest.mark.usefixtures("linking")
def test_keeping_a_predecessor_twice_leaves_nothing_behind(file: Path) -> None:
    before = file.with_name("before")
    keep_predecessor(file, before)
    keep_predecessor(file, before)  # as after a replacement that failed: both names are one file
    assert names(file) == ["before", "file"]
    assert before.read_text() == "old"


def test_without_a_file_there_is_no_predecessor_to_keep(file: Path) -> None:
    before = file.with_name("before")
    before.write_text("of another time")
    file.unlink()
    keep_predecessor(file, before)
    assert before.read_text() == "of another time"
    assert names(file) == ["before"]


def test_a_predecessor_that_does_not_fit_on_the_disk_leaves_both_files(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.with_name("before")
    before.write_text("oldest")
    file.write_text("x" * 100_000)
    monkeypatch.setattr(os, "link", refuse_links)
    with no_file_above(1000), pytest.raises(StorageError, match="no space left"):
        keep_predecessor(file, before)
    assert before.read_text() == "oldest"
    assert len(file.read_text()) == 100_000
    assert names(file) == ["before", "file"]


def test_a_predecessor_that_cannot_be_replaced_is_a_storage_error(file: Path) -> None:
    before = file.with_name("before")
    before.mkdir()
    with pytest.raises(StorageError, match=f"cannot write {before}"):
        keep_predecessor(file, before)
    assert names(file) == ["before", "file"]
