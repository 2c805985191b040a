"""Where the photographs come from: fetched, or unpacked from archives put there by hand; and whether they are whole."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import photo_archives
import photo_files
import pytest

from olsrepro.data.download import fetch as module
from olsrepro.data.download.checksums import LIST
from olsrepro.data.download.fetch import fetch
from olsrepro.data.download.manifest import SOURCES
from olsrepro.data.download.photo_sources import PHOTO_SOURCES
from olsrepro.data.download.status import FileStatus, status, verify
from olsrepro.data.download.unpack import unpack
from olsrepro.settings import UserError

FETCHED = ["cub", "flowers", "aircraft"]
BY_HAND = [("imagenet", "car_ims"), ("cars", "car_ims"), ("cars", "cars_train")]


def quiet(_: str) -> None:
    pass


def state(name: str, root: Path, *, check_sums: bool = False) -> str:
    return next(line.state for line in status(root, check_sums=check_sums) if line.name == name)


def found(name: str, root: Path) -> set[str]:
    return {finding.state for finding in verify(name, root)}


def put(mirror: Path, root: Path) -> None:
    shutil.copytree(mirror, root, dirs_exist_ok=True)


def test_sums_are_torchvisions() -> None:
    from torchvision.datasets import Flowers102
    from torchvision.datasets.imagenet import ARCHIVE_META

    imagenet = {(archive.file, archive.md5) for archive in SOURCES["imagenet"].archives}
    assert imagenet == set(ARCHIVE_META.values())
    flowers = {(archive.file, archive.md5) for archive in SOURCES["flowers"].archives}
    assert flowers == {Flowers102._file_dict[key] for key in ("image", "label", "setid")}


@pytest.mark.parametrize("source", PHOTO_SOURCES, ids=lambda source: source.name)
def test_a_source_that_can_not_be_fetched_says_where_it_is_to_be_had(source: module.Source) -> None:
    assert source.licence
    can = all(archive.urls and archive.md5 for archive in source.archives)
    assert can == (source.name in (*FETCHED, "voc"))
    assert can or (source.origin and source.layout)
    assert all(url.endswith(f"/{archive.file}") for archive in source.archives for url in archive.urls)


@pytest.mark.parametrize("name", FETCHED)
def test_what_is_fetched_is_unpacked_and_listed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo_archives.publish(monkeypatch, tmp_path, name, urls=True)
    root, said, folder = tmp_path / "root", [], SOURCES[name].folder
    assert state(name, root) == "missing"
    fetch(name, root, say=said.append)
    assert said[0] == f"{name}: licence: {SOURCES[name].licence}"
    assert "every checksum right" in said[-1]
    expected = photo_archives.contents(tmp_path / "original" / folder)
    assert photo_archives.contents(root / folder) == expected
    assert {finding.path for finding in verify(name, root)} == {f"{folder}/{file}" for file in expected}
    assert found(name, root) == {"ok"}
    assert (state(name, root), state(name, root, check_sums=True)) == ("present", "verified")
    monkeypatch.setattr(module, "download", None)
    fetch(name, root, say=said.append)
    assert said[-1] == f"{name} is already in {root / folder}, every checksum right"


@pytest.mark.parametrize(("name", "packaging"), BY_HAND)
def test_archives_put_there_by_hand_are_unpacked_and_listed(
    name: str, packaging: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = photo_archives.publish(monkeypatch, tmp_path, name, packaging=packaging)
    root, folder = tmp_path / "root", SOURCES[name].folder
    put(mirror, root)
    fetch(name, root, say=quiet)
    files = photo_archives.contents(root / folder)
    expected = photo_archives.contents(tmp_path / "original" / folder)
    assert {file: files[file] for file in expected if file != "classes.json"} == {
        file: content for file, content in expected.items() if file != "classes.json"
    }
    assert {finding.path for finding in verify(name, root)} == {f"{folder}/{file}" for file in files}
    assert state(name, root, check_sums=True) == "verified"
    for path in mirror.iterdir():  # not needed any more
        (root / path.name).unlink()
    said: list[str] = []
    fetch(name, root, say=said.append)
    assert said[-1] == f"{name} is already in {root / folder}, every checksum right"


def test_archives_in_the_data_sets_own_folder_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = photo_archives.publish(monkeypatch, tmp_path, "imagenet")
    put(mirror, tmp_path / "root/imagenet")
    fetch("imagenet", tmp_path / "root", say=quiet)
    assert state("imagenet", tmp_path / "root", check_sums=True) == "verified"


def test_a_folder_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    put(photo_archives.publish(monkeypatch, tmp_path, "imagenet"), root)
    (tmp_path / "large disk").mkdir()
    (root / "imagenet").symlink_to(tmp_path / "large disk")
    fetch("imagenet", root, say=quiet)
    assert state("imagenet", root, check_sums=True) == "verified"
    assert (tmp_path / "large disk/val").is_dir()
    assert (root / "imagenet").is_symlink()


@pytest.mark.parametrize("name", ["imagenet", "cars"])
def test_what_can_not_be_fetched_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(UserError) as raised:
        fetch(name, tmp_path, say=said.append)
    message, source = str(raised.value), SOURCES[name]
    assert "licence" in said[0]
    assert "\n" not in message
    assert all(archive.file in message for archive in source.archives)
    assert all(part in message for part in (source.origin, source.layout, f"`olsrepro data fetch {name}`"))
    assert f"into {tmp_path}" in message


def test_only_the_archives_that_lack_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    put(photo_archives.publish(monkeypatch, tmp_path, "imagenet"), root)
    (root / "ILSVRC2012_img_val.tar").unlink()
    with pytest.raises(UserError, match=rf"Put ILSVRC2012_img_val\.tar into {root}, or"):
        fetch("imagenet", root, say=quiet)
    assert not (root / "imagenet").exists()


@pytest.mark.parametrize("file", ["car_ims.tgz", "ILSVRC2012_img_val.tar"])
def test_another_archive_put_there_by_hand_is_refused(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "cars" if file.startswith("car") else "imagenet"
    root = tmp_path / "root"
    put(photo_archives.publish(monkeypatch, tmp_path, name), root)
    (root / file).write_bytes(b"another")
    with pytest.raises(UserError, match=rf"{file} is not the published file: its MD5 is not [0-9a-f]{{32}}"):
        fetch(name, root, say=quiet)


def test_each_mirror_goes_by_its_file_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = photo_archives.publish(monkeypatch, tmp_path, "flowers")
    urls = [(mirror / file).as_uri() for file in ("setid.mat", "102flowers.tgz", "imagelabels.mat")]
    assert "%20" in urls[0]
    fetch("flowers", tmp_path / "root", urls=urls, say=quiet)
    assert state("flowers", tmp_path / "root", check_sums=True) == "verified"
    with pytest.raises(UserError, match=r"flower\.tgz must end in the name of a file of flowers; did you mean 102flow"):
        fetch("flowers", tmp_path / "root", urls=["https://mirror.example/flower.tgz"], say=quiet)


def test_a_mirror_serves_what_can_not_be_fetched_but_for_files_without_a_known_sum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror, root = photo_archives.publish(monkeypatch, tmp_path, "cars"), tmp_path / "root"
    urls = [(mirror / file).as_uri() for file in ("car_ims.tgz", "cars_annos.mat")]
    with pytest.raises(UserError, match=r"no checksum of cars_annos\.mat is known"):
        fetch("cars", root, urls=urls, say=quiet)
    shutil.copy(mirror / "cars_annos.mat", root)
    fetch("cars", root, urls=urls[:1], say=quiet)
    assert state("cars", root, check_sums=True) == "verified"


def test_files_changed_and_lost_are_found_and_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo_archives.publish(monkeypatch, tmp_path, "cub", urls=True)
    root = tmp_path / "root"
    fetch("cub", root, say=quiet)
    folder = root / "CUB_200_2011"
    first, second, *_ = sorted(photo_files.photographs_in(folder))
    content = first.read_bytes()
    first.write_bytes(content[:-1] + b"?")
    second.unlink()
    states = {finding.path: finding.state for finding in verify("cub", root) if finding.state != "ok"}
    names = [path.relative_to(root).as_posix() for path in (first, second)]
    assert states == dict(zip(names, ("wrong", "missing"), strict=True))
    assert (state("cub", root), state("cub", root, check_sums=True)) == ("present", "wrong")
    fetch("cub", root, say=quiet)
    assert found("cub", root) == {"ok"}
    assert first.read_bytes() == content


def test_a_copy_laid_out_by_hand_is_counted_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo_archives.publish(monkeypatch, tmp_path, "imagenet")
    root = tmp_path / "original"
    assert (state("imagenet", root), state("imagenet", root, check_sums=True)) == ("present", "present")
    remarks = {finding.path: (finding.state, finding.remark) for finding in verify("imagenet", root)}
    assert remarks == {
        "imagenet/train": ("no sum", "12 images, as published"),
        "imagenet/val": ("no sum", "9 images, as published"),
    }
    said: list[str] = []
    fetch("imagenet", root, say=said.append)
    assert said == [f"imagenet is already in {root}/imagenet, put there by hand"]
    assert not (root / "imagenet" / LIST).exists()
    photo_files.photographs_in(root / "imagenet/val")[0].unlink()
    wrong = FileStatus("imagenet/val", "wrong", "8 images instead of 9", "ILSVRC2012_img_val.tar")
    assert wrong in verify("imagenet", root)
    with pytest.raises(UserError, match=r"Put ILSVRC2012_devkit_t12\.tar\.gz and ILSVRC2012_img_val\.tar into"):
        fetch("imagenet", root, say=quiet)


def test_loose_files_of_a_copy_laid_out_by_hand_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo_archives.publish(monkeypatch, tmp_path, "flowers", urls=True)
    root = tmp_path / "original"
    states = [(finding.path, finding.state) for finding in verify("flowers", root)]
    assert states == [
        ("flowers-102/jpg", "no sum"),
        ("flowers-102/imagelabels.mat", "ok"),
        ("flowers-102/setid.mat", "ok"),
    ]
    content = (root / "flowers-102/setid.mat").read_bytes()
    (root / "flowers-102/setid.mat").write_bytes(b"another")
    assert found("flowers", root) == {"no sum", "ok", "wrong"}
    fetch("flowers", root, say=quiet)
    assert (root / "flowers-102/setid.mat").read_bytes() == content


@pytest.mark.parametrize("lost", ["images.txt", "images", "images/001.Black_footed_Albatross"])
def test_a_copy_that_lacks_something_is_incomplete(lost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo_archives.publish(monkeypatch, tmp_path, "cub")
    path = tmp_path / "original/CUB_200_2011" / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert state("cub", tmp_path / "original") == "incomplete"


@pytest.mark.parametrize("name", ["cub", "cars"])
def test_the_list_keeps_names_with_blanks_and_bytes_that_are_no_text(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = photo_archives.publish(monkeypatch, tmp_path, name)
    source = SOURCES[name]
    odd = "images/a  name with blanks \udcff.jpg" if name == "cub" else "car_ims/ \udcff.jpg"
    (tmp_path / "original" / source.folder / odd).write_bytes(b"odd")
    photo_files.pack(tmp_path / "original", name, mirror)
    changed = replace(source.archives[0], md5="")
    monkeypatch.setitem(SOURCES, name, replace(source, archives=(changed, *source.archives[1:])))
    put(mirror, tmp_path / "root")
    fetch(name, tmp_path / "root", say=quiet)
    assert FileStatus(f"{source.folder}/{odd}", "ok", archive=changed.file) in verify(name, tmp_path / "root")


def test_a_damaged_list_names_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo_archives.publish(monkeypatch, tmp_path, "flowers", urls=True)
    fetch("flowers", tmp_path, say=quiet)
    with open(tmp_path / "flowers-102" / LIST, "a") as file:
        file.write("nonsense\n")
    lines = len((tmp_path / "flowers-102" / LIST).read_text().splitlines())
    with pytest.raises(UserError, match=rf"{LIST}, line {lines} is not `MD5 size archive path`"):
        list(verify("flowers", tmp_path))


def test_two_archives_may_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of VOC do: what the one left stays when the other is unpacked, and each keeps its lines of the list."""
    put(photo_archives.publish(monkeypatch, tmp_path, "cars", packaging="cars_train"), tmp_path / "root")
    fetch("cars", tmp_path / "root", say=quiet)
    archives = {finding.archive for finding in verify("cars", tmp_path / "root")}
    assert archives == {archive.file for archive in SOURCES["cars"].archives if archive.packaging == "cars_train"}
    source = SOURCES["cars"]
    again = next(archive for archive in source.archives if archive.file == "car_devkit.tgz")
    files = list(unpack(again, tmp_path / "root" / again.file, tmp_path / "root" / source.folder))
    assert {file.path for file in files} == set(again.files)
    assert found("cars", tmp_path / "root") == {"ok"}
