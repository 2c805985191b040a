"""Unpacking: plain files below the folder, and nothing else."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from olsrepro.files.archive import FileSum, inside, unpack_tar, work_folder
from olsrepro.settings import UserError


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    info.size = 4 if kind == tarfile.REGTYPE else 0
    return info


def make_tar(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info in members:
            tar.addfile(info, io.BytesIO(b"data") if info.isfile() else None)
    return path


def unpack_all(archive: Path, folder: Path) -> list[FileSum]:
    return list(unpack_tar(archive, folder))


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_files_and_folders(tmp_path: Path) -> None:
    tar = make_tar(tmp_path / "a.tar.gz", member("set", tarfile.DIRTYPE), member("set/a"), member("set/deep/b"))
    folder = tmp_path / "root"
    (folder / "set").mkdir(parents=True)
    (folder / "set/a").write_text("older")
    (folder / "set/mine").write_text("mine")
    md5 = hashlib.md5(b"data").hexdigest()
    assert unpack_all(tar, folder) == [FileSum("set/a", 4, md5), FileSum("set/deep/b", 4, md5)]
    assert names(folder) == ["set", "set/a", "set/deep", "set/deep/b", "set/mine"]
    assert (folder / "set/a").read_bytes() == b"data"
    assert (folder / "set/mine").read_text() == "mine"


def test_what_systems_put_beside_files_stays_in_the_archive(tmp_path: Path) -> None:
    left = ["._a.txt", "set/._b", "__MACOSX/set/._b", "set/.DS_Store", "Thumbs.db", "set/@eaDir/b/SYNO"]
    tar = make_tar(tmp_path / "a.tar.gz", *map(member, left), member("set/b"), member("set/.kept"), member("_a._"))
    assert [file.path for file in unpack_all(tar, tmp_path / "root")] == ["set/b", "set/.kept", "_a._"]
    assert names(tmp_path / "root") == ["_a._", "set", "set/.kept", "set/b"]


@pytest.mark.parametrize(
    "bad",
    [
        member("../escaped"),
        member("set/../../escaped"),
        member("/tmp/escaped"),
        member("C:\\escaped"),
        member("..\\escaped"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("link", tarfile.LNKTYPE, "../escaped"),
        member("device", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
        member("two\nlines"),
    ],
    ids=lambda bad: bad.name,
)
def test_a_member_that_would_leave_the_folder_is_refused(bad: tarfile.TarInfo, tmp_path: Path) -> None:
    tar = make_tar(tmp_path / "a.tar.gz", member("set/a"), bad)
    with pytest.raises(UserError) as raised:
        unpack_all(tar, tmp_path / "root")
    assert f"its member {bad.name!r}" in str(raised.value)
    assert names(tmp_path) == ["a.tar.gz", "root"]


@pytest.mark.parametrize("content", [b"not an archive", b""])
def test_a_damaged_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.tar\.gz can't be unpacked"):
        unpack_all(tmp_path / "a.tar.gz", tmp_path / "root")


def test_a_truncated_archive_leaves_nothing(tmp_path: Path) -> None:
    tar = make_tar(tmp_path / "a.tar.gz", *(member(f"set/{i}") for i in range(50)))
    tar.write_bytes(tar.read_bytes()[:-80])
    with pytest.raises(UserError, match="can't be unpacked"):
        unpack_all(tar, tmp_path / "root")
    assert names(tmp_path / "root") == []


def test_nothing_is_there_before_the_last_file_has_been_unpacked(tmp_path: Path) -> None:
    tar = make_tar(tmp_path / "a.tar.gz", member("set/a"), member("set/b"))
    files = unpack_tar(tar, tmp_path / "root")
    next(files)
    assert not (tmp_path / "root/set").exists()
    files.close()
    assert names(tmp_path / "root") == []


def test_what_a_killed_process_left_is_unpacked_over(tmp_path: Path) -> None:
    tar = make_tar(tmp_path / "a.tar.gz", member("set/a"))
    left = work_folder(tar, tmp_path / "root") / "set"
    left.mkdir(parents=True)
    (left / "a").write_text("ha")
    (left / "half").write_text("half")
    unpack_all(tar, tmp_path / "root")
    assert names(tmp_path / "root") == ["set", "set/a"]


def test_a_folder_of_the_archive_becomes_the_folder_and_what_lies_beside_it_is_left_out(tmp_path: Path) -> None:
    tar = make_tar(tmp_path / "a.tar.gz", member("./set/name with blanks"), member("beside"), member("settle/c"))
    files = list(unpack_tar(tar, tmp_path / "mine", inside("set")))
    assert [file.path for file in files] == ["name with blanks"]
    assert names(tmp_path / "mine") == ["name with blanks"]


def test_a_folder_that_is_not_there_yet_comes_in_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "root/set/old").mkdir(parents=True)
    tar = make_tar(tmp_path / "a.tar.gz", *(member(f"set/{folder}/{i}") for folder in ("new", "old") for i in range(3)))
    moves, real = [], os.replace
    monkeypatch.setattr(os, "replace", lambda path, place: (moves.append(place.name), real(path, place)))
    unpack_all(tar, tmp_path / "root")
    assert moves == ["new", "0", "1", "2"]


def test_a_member_that_comes_twice_is_refused(tmp_path: Path) -> None:
    tar = make_tar(tmp_path / "a.tar.gz", member("set/a"), member("set/a"))
    with pytest.raises(UserError, match=r"can't be unpacked into .*: File exists"):
        unpack_all(tar, tmp_path / "root")


@pytest.mark.parametrize(
    "content", [b"hello" * 1000, b"", b"\xfd7zXZ\0\0\4" + bytes(range(256)) * 9], ids=["text", "empty", "xz"]
)
def test_what_is_no_archive_is_told_in_one_line(content: bytes, tmp_path: Path) -> None:
    archive = tmp_path / "a.tar.xz"
    archive.write_bytes(content)
    with pytest.raises(UserError) as told:
        list(unpack_tar(archive, tmp_path / "out"))
    assert str(told.value) == f"{archive} can't be unpacked: it is damaged or no archive; remove it and fetch it again"
