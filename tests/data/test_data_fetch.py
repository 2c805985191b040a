"""Fetching a data set from a mirror, and looking whether it is whole."""

from __future__ import annotations

import errno
import hashlib
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import cifar_files
import pytest

from olsrepro.data.download import fetch as module
from olsrepro.data.download.fetch import fetch
from olsrepro.data.download.manifest import SOURCES, default_root
from olsrepro.data.download.status import FileStatus, status, verify
from olsrepro.settings import UserError

FILES = ["cifar-100-python/train", "cifar-100-python/test", "cifar-100-python/meta"]


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a tiny CIFAR-100 archive, whose sums the manifest has."""
    cifar_files.write(tmp_path / "mirror", "cifar100")
    path = tmp_path / "mirror" / "archive.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(tmp_path / "mirror" / "cifar-100-python", "cifar-100-python")
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    archives = (replace(SOURCES["cifar100"].archives[0], md5=md5),)
    cifar_files.trust(monkeypatch, tmp_path / "mirror", "cifar100", archives=archives)
    return path.as_uri()


def states(root: Path) -> list[str]:
    return [finding.state for finding in verify("cifar100", root)]


def test_fetch_says_the_licence_first_and_leaves_a_whole_set(mirror: str, tmp_path: Path) -> None:
    root, said = tmp_path / "root", []
    fetch("cifar100", root, urls=[mirror], say=said.append)
    assert list(verify("cifar100", root)) == [
        FileStatus(file, "ok", archive="cifar-100-python.tar.gz") for file in FILES
    ]
    assert "licence" in said[0]
    assert mirror in said[1]
    assert "every checksum right" in said[-1]
    said.clear()
    fetch("cifar100", root, urls=["file:///nowhere"], say=said.append)
    assert len(said) == 1
    assert "already" in said[0]


@pytest.fixture
def unwritable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders that nobody may write, not even the administrator that tests may run as."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)


def test_a_whole_set_in_a_folder_that_can_not_be_written_needs_nothing(
    mirror: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fetch("cifar100", tmp_path, urls=[mirror], say=lambda _: None)
    said: list[str] = []
    request.getfixturevalue("unwritable")
    fetch("cifar100", tmp_path, urls=["file:///nowhere"], say=said.append)
    assert said == [f"cifar100 is already in {tmp_path / 'cifar-100-python'}, every checksum right"]


@pytest.mark.usefixtures("unwritable")
def test_a_set_that_is_not_whole_can_not_be_fetched_into_a_folder_that_can_not_be_written(
    mirror: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=f"^{tmp_path} can't be used as a folder of data sets: Read-only file system$"):
        fetch("cifar100", tmp_path, urls=[mirror], say=lambda _: None)


def test_wrong_and_missing_files_are_replaced(mirror: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "cifar-100-python").mkdir(parents=True)
    (root / "cifar-100-python/train").write_text("wrong")
    assert states(root) == ["wrong", "missing", "missing"]
    fetch("cifar100", root, urls=[mirror], say=lambda _: None)
    assert states(root) == ["ok", "ok", "ok"]


def test_an_archive_with_other_files_is_refused(mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tuple((file, "0" * 32) for file, _ in SOURCES["cifar100"].files)
    monkeypatch.setitem(SOURCES, "cifar100", replace(SOURCES["cifar100"], files=wrong))
    with pytest.raises(UserError, match=r"train, .*is not as published"):
        fetch("cifar100", tmp_path / "root", urls=[mirror], say=lambda _: None)


def test_two_at_once_fetch_once(mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, real = [], module.download

    def counted(urls: list[str], target: Path, **options: object) -> Path:
        calls.append(target)
        return real(urls, target, **options)

    monkeypatch.setattr(module, "download", counted)
    threads = [
        threading.Thread(target=fetch, args=("cifar100", tmp_path / "root", [mirror], lambda _: None)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert states(tmp_path / "root") == ["ok", "ok", "ok"]


@pytest.mark.parametrize("name", ["digits", "digits@cub"])
def test_digits_need_no_fetching(name: str, tmp_path: Path) -> None:
    said: list[str] = []
    fetch(name, tmp_path / "root", say=said.append)
    assert "needs no fetching" in said[0]
    assert not (tmp_path / "root").exists()


def test_unknown_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="data set cifar-100 is not known; did you mean cifar100"):
        fetch("cifar-100", tmp_path)


def test_status(mirror: str, tmp_path: Path) -> None:
    def state(check_sums: bool = False) -> str:
        return next(line.state for line in status(tmp_path, check_sums=check_sums) if line.name == "cifar100")

    assert state() == "missing"
    fetch("cifar100", tmp_path, urls=[mirror], say=lambda _: None)
    assert (state(), state(check_sums=True)) == ("present", "verified")
    (tmp_path / FILES[0]).write_text("wrong")
    assert (state(), state(check_sums=True)) == ("present", "wrong")
    (tmp_path / FILES[1]).unlink()
    assert state() == "incomplete"
    digits = next(line for line in status(tmp_path) if line.name == "digits")
    assert (digits.num_classes, digits.train_size, digits.test_size, digits.image_size) == (10, 1437, 360, 8)
    assert (digits.state, digits.place) == ("built in", "scikit-learn")
    stand_in = next(line for line in status(tmp_path) if line.name == "digits@cub")
    assert (stand_in.state, stand_in.place) == ("built in", "scikit-learn")


def test_root_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLSREPRO_DATA", "/somewhere")
    assert default_root() == Path("/somewhere")
    monkeypatch.delenv("OLSREPRO_DATA")
    assert default_root() == Path("data")


def test_a_full_disk_is_no_mirrors_fault(mirror: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(UserError, match=r"^no space left for .*: free some, or choose another folder; what"):
        fetch("cifar100", tmp_path, urls=[mirror], say=lambda _: None)
