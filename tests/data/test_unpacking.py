"""ImageNet's archives: a folder for each class, names without the devkit, and going on where unpacking stopped."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

import photo_archives
import photo_files
import pytest

from olsrepro.data.download import ilsvrc
from olsrepro.data.download.fetch import fetch
from olsrepro.data.download.manifest import SOURCES
from olsrepro.data.download.status import status, verify
from olsrepro.files import archive as archives
from olsrepro.files.archive import work_folder
from olsrepro.settings import UserError

WNIDS = sorted(photo_files.WNIDS)
TRAIN, VAL, DEVKIT = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar", "ILSVRC2012_devkit_t12.tar.gz"


class Killed(BaseException):
    """What ends a process at any place."""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root that ImageNet's archives lie in."""
    mirror = photo_archives.publish(monkeypatch, tmp_path, "imagenet")
    shutil.copytree(mirror, tmp_path / "root")
    return tmp_path / "root"


def state(root: Path) -> str:
    return next(line.state for line in status(root) if line.name == "imagenet")


def quiet(_: str) -> None:
    pass


def tar_of(path: Path, **members: bytes) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_every_image_comes_into_its_class_and_nothing_else_is_left(root: Path, tmp_path: Path) -> None:
    fetch("imagenet", root, say=quiet)
    for part in ("train", "val"):
        expected = photo_archives.contents(tmp_path / "original/imagenet" / part)
        assert photo_archives.contents(root / "imagenet" / part) == expected
    assert sorted(path.name for path in (root / "imagenet").iterdir()) == [
        ".olsrepro-sums",
        "ILSVRC2012_devkit_t12",
        "classes.json",
        "train",
        "val",
    ]


def test_the_names_are_the_first_words_of_the_leaves_in_the_order_of_wnids(root: Path) -> None:
    fetch("imagenet", root, say=quiet)
    names = json.loads((root / "imagenet/classes.json").read_text())
    assert list(names.items()) == sorted(photo_files.WNIDS.items())


def test_the_list_holds_the_sum_and_the_size_of_every_file(root: Path) -> None:
    fetch("imagenet", root, say=quiet)
    lines = (root / "imagenet/.olsrepro-sums").read_text().splitlines()
    listed = {line.split(" ", 3)[3]: line.split(" ", 3)[:2] for line in lines}
    files = photo_archives.contents(root / "imagenet")
    assert listed == {file: [hashlib.md5(content).hexdigest(), str(len(content))] for file, content in files.items()}


@pytest.mark.parametrize("at", [0, 1, 2])
def test_killed_while_classes_are_unpacked_it_goes_on_with_the_next(
    at: int, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, moved = ilsvrc.move_into, []

    def dying(stage: Path, folder: Path) -> None:
        if len(moved) == at:
            raise Killed
        moved.append(next((stage / "train").iterdir()).name)
        real(stage, folder)

    monkeypatch.setattr(ilsvrc, "move_into", dying)
    with pytest.raises(Killed):
        fetch("imagenet", root, say=quiet)
    train = root / "imagenet/train"
    assert sorted(path.name for path in train.iterdir()) == WNIDS[:at] if at else not train.exists()
    for wnid in moved:
        original = tmp_path / "original/imagenet/train" / wnid
        assert photo_archives.contents(train / wnid) == photo_archives.contents(original)
    assert state(root) == ("incomplete" if at else "missing")

    monkeypatch.setattr(ilsvrc, "move_into", lambda stage, folder: (moved.append("again"), real(stage, folder)))
    fetch("imagenet", root, say=quiet)
    assert moved == WNIDS[:at] + ["again"] * (len(WNIDS) - at)
    assert {finding.state for finding in verify("imagenet", root)} == {"ok"}
    assert len(list(verify("imagenet", root))) == len(photo_archives.contents(root / "imagenet"))


def test_a_class_noted_as_done_is_unpacked_anew_where_its_folder_has_gone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ilsvrc.unpack_train(root / TRAIN, root / "imagenet")
    for _ in range(5):
        next(files)
    files.close()
    assert (root / "imagenet/train" / WNIDS[0]).is_dir()
    shutil.rmtree(root / "imagenet/train" / WNIDS[0])
    assert len(list(ilsvrc.unpack_train(root / TRAIN, root / "imagenet"))) == 12
    assert len(photo_files.photographs_in(root / "imagenet/train" / WNIDS[0])) == 4
    assert not work_folder(root / TRAIN, root / "imagenet").exists()


def test_killed_while_validation_images_are_unpacked_none_is_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dying(stage: Path, folder: Path) -> None:
        if (stage / "val").exists():
            raise Killed
        real(stage, folder)

    real = archives.move_into
    monkeypatch.setattr(archives, "move_into", dying)
    with pytest.raises(Killed):
        fetch("imagenet", root, say=quiet)
    assert not (root / "imagenet/val").exists()
    assert state(root) == "incomplete"
    monkeypatch.setattr(archives, "move_into", real)
    fetch("imagenet", root, say=quiet)
    assert {finding.state for finding in verify("imagenet", root)} == {"ok"}


def test_a_killed_process_leaves_a_set_that_is_called_incomplete(root: Path) -> None:
    fetch("imagenet", root, say=quiet)
    assert state(root) == "present"
    work_folder(root / TRAIN, root / "imagenet").mkdir()
    assert state(root) == "incomplete"


def test_files_of_the_users_own_stay_in_a_class_folder(root: Path) -> None:
    mine = root / "imagenet/train" / WNIDS[0] / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    fetch("imagenet", root, say=quiet)
    assert mine.read_text() == "mine"
    assert len(list(mine.parent.iterdir())) == 5


@pytest.mark.parametrize("name", ["n01440764.tar/x", "n0144076.tar", "../n01440764.tar", "n01440764"])
def test_a_training_tar_of_anything_but_classes_is_refused(name: str, tmp_path: Path) -> None:
    tar = tar_of(tmp_path / "train.tar", **{name: b"x"})
    with pytest.raises(UserError, match="is not a class's tar"):
        list(ilsvrc.unpack_train(tar, tmp_path / "imagenet"))


def test_an_inner_tar_that_is_damaged_leaves_no_class(tmp_path: Path) -> None:
    tar = tar_of(tmp_path / "train.tar", **{"n01440764.tar": b"no tar at all"})
    with pytest.raises(UserError, match=r"train\.tar can't be unpacked"):
        list(ilsvrc.unpack_train(tar, tmp_path / "imagenet"))
    assert not (tmp_path / "imagenet/train").exists()


@pytest.mark.parametrize("name", ["ILSVRC2012_val_00000010.JPEG", "ILSVRC2012_val_00000000.JPEG", "readme"])
def test_a_validation_image_that_the_kit_does_not_know_is_refused(name: str, root: Path, tmp_path: Path) -> None:
    list(ilsvrc.unpack_devkit(root / DEVKIT, root / "imagenet"))
    with pytest.raises(UserError, match=f"'{name}' is not one of the 9 validation images"):
        list(ilsvrc.unpack_val(tar_of(tmp_path / "val.tar", **{name: b"x"}), root / "imagenet"))
    assert not (root / "imagenet/val").exists()


def test_what_macos_puts_beside_images_stays_in_the_archives(root: Path, tmp_path: Path) -> None:
    inner = tar_of(tmp_path / "inner.tar", **{f"._{WNIDS[0]}_1.JPEG": b"mac", f"{WNIDS[0]}_1.JPEG": b"image"})
    members = {f"._{WNIDS[0]}.tar": b"mac", "__MACOSX/._x": b"mac", f"{WNIDS[0]}.tar": inner.read_bytes()}
    train = tar_of(tmp_path / "train.tar", **members)
    list(ilsvrc.unpack_train(train, root / "imagenet"))
    assert photo_archives.contents(root / "imagenet/train") == {f"{WNIDS[0]}/{WNIDS[0]}_1.JPEG": b"image"}
    list(ilsvrc.unpack_devkit(root / DEVKIT, root / "imagenet"))
    image = "ILSVRC2012_val_00000001.JPEG"
    val = tar_of(tmp_path / "val.tar", **{f"._{image}": b"mac", image: b"image"})
    assert [file.path.split("/")[-1] for file in ilsvrc.unpack_val(val, root / "imagenet")] == [image]


def test_a_byte_order_mark_is_no_part_of_the_kits_ground_truth(root: Path) -> None:
    list(ilsvrc.unpack_devkit(root / DEVKIT, root / "imagenet"))
    before = ilsvrc.validation_wnids(root / "imagenet")
    truth = root / "imagenet/ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt"
    truth.write_bytes(b"\xef\xbb\xbf" + truth.read_bytes())
    assert ilsvrc.validation_wnids(root / "imagenet") == before


def test_a_lack_of_memory_is_no_damage_to_the_kit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    list(ilsvrc.unpack_devkit(root / DEVKIT, root / "imagenet"))
    monkeypatch.setattr("scipy.io.loadmat", out_of_memory)
    with pytest.raises(MemoryError):
        ilsvrc.validation_wnids(root / "imagenet")


def out_of_memory(*_: object, **__: object) -> None:
    raise MemoryError


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("meta.mat", b"no mat", "it is no list of classes in MATLAB's format"),
        ("meta.mat", b"", "it is no list of classes in MATLAB's format"),
        (None, b"1\n4\n", "it has lines that are no number of a class"),
        (None, b"1" * 5000, "it has lines that are no number of a class"),
        (None, b"\xff", "it has lines that are no number of a class"),
    ],
)
def test_a_damaged_kit_is_told_in_one_line(file: str | None, content: bytes, why: str, root: Path) -> None:
    list(ilsvrc.unpack_devkit(root / DEVKIT, root / "imagenet"))
    name = file or "ILSVRC2012_validation_ground_truth.txt"  # whose synset 4 is no leaf
    (root / "imagenet/ILSVRC2012_devkit_t12/data" / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name} can't be read \({why}\); remove .*ILSVRC2012_devkit_t12") as raised:
        ilsvrc.unpack_val(root / VAL, root / "imagenet")
    assert "\n" not in str(raised.value)


def test_bytes_done_are_told_while_unpacking(root: Path) -> None:
    told: list[tuple[int, int | None]] = []
    fetch("imagenet", root, say=quiet, progress=lambda done, total: told.append((done, total)))
    assert len(told) == sum(1 for _ in verify("imagenet", root))
    assert {total for _, total in told} == {
        (root / archive.file).stat().st_size for archive in SOURCES["imagenet"].archives
    }
    assert all(total is not None and 0 < done <= total for done, total in told)
