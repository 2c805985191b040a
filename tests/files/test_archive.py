"""Unpacking: plain files below the folder, and nothing else."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from olsrepro.files import archive as module
from olsrepro.files.archive import extract_tar
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


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_files_and_folders(tmp_path: Path) -> None:
    tar = make_tar(tmp_path / "a.tar.gz", member("set", tarfile.DIRTYPE), member("set/a"), member("set/deep/b"))
    folder = tmp_path / "root"
    (folder / "set").mkdir(parents=True)
    (folder / "set/a").write_text("older")
    (folder / "set/mine").write_text("mine")
    extract_tar(tar, folder)
    assert names(folder) == ["set", "set/a", "set/deep", "set/deep/b", "set/mine"]
    assert (folder / "set/a").read_bytes() == b"data"
    assert (folder / "set/mine").read_text() == "mine"


@pytest.mark.parametrize("with_pythons_filter", [True, False])
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
    ],
    ids=lambda bad: bad.name,
)
def test_a_member_that_would_leave_the_folder_is_refused(
    bad: tarfile.TarInfo, with_pythons_filter: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_pythons_filter:
        monkeypatch.setattr(module, "_data_filter", dict)
    tar = make_tar(tmp_path / "a.tar.gz", member("set/a"), bad)
    with pytest.raises(UserError) as raised:
        extract_tar(tar, tmp_path / "root")
    assert f"its member {bad.name!r}" in str(raised.value)
    assert names(tmp_path) == ["a.tar.gz", "root"]


@pytest.mark.parametrize("content", [b"not an archive", b""])
def test_a_damaged_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.tar\.gz can't be unpacked"):
        extract_tar(tmp_path / "a.tar.gz", tmp_path / "root")


def test_a_truncated_archive_leaves_nothing(tmp_path: Path) -> None:
    tar = make_tar(tmp_path / "a.tar.gz", *(member(f"set/{i}") for i in range(50)))
    tar.write_bytes(tar.read_bytes()[:-80])
    with pytest.raises(UserError, match="can't be unpacked"):
        extract_tar(tar, tmp_path / "root")
    assert names(tmp_path / "root") == []
