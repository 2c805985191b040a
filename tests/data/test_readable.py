"""Images that can't be decoded are found before training, named or left out, and looked for once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from photo_files import truncate
from PIL import Image, features
from small_photographs import small_photographs

from olsrepro.data.dataset import Photographs
from olsrepro.data.photos import check as module
from olsrepro.data.photos.check import readable, unreadable_images, without_unreadable
from olsrepro.settings import UserError


@pytest.fixture
def data(tmp_path: Path) -> Photographs:
    return small_photographs(tmp_path)


def damage(data: Photographs, *paths: str) -> None:
    for path in paths:
        truncate(data.root / path)


def checked(data: Photographs, folder: Path, *, skip: bool = False, workers: int = 0) -> tuple[Photographs, list[str]]:
    said: list[str] = []
    return readable(data, folder, skip_unreadable=skip, workers=workers, say=said.append), said


def test_a_whole_set_passes_as_it_is(data: Photographs, tmp_path: Path) -> None:
    found, said = checked(data, tmp_path)
    assert found is data
    assert said == [f"reading each of the 27 images in {data.root} once, to find any that can't be decoded"]


@pytest.mark.parametrize("workers", [0, 2])
def test_the_first_few_damaged_images_are_named_and_counted(data: Photographs, tmp_path: Path, workers: int) -> None:
    damage(data, "train/2.jpg", "train/9.jpg", "train/15.jpg", "test/3.jpg")
    (data.root / "test/6.jpg").unlink()
    with pytest.raises(UserError) as told:
        checked(data, tmp_path, workers=workers)
    line = str(told.value)
    assert line.startswith(f"5 images of photos of mine can't be decoded: {data.root / 'train/2.jpg'} (")
    assert "train/15.jpg (" in line
    assert " and 2 more; " in line
    assert "test/3.jpg" not in line
    assert line.endswith("dataset.skip_unreadable=true")
    assert "\n" not in line


def test_they_are_left_out_with_their_targets_and_listed(data: Photographs, tmp_path: Path) -> None:
    damage(data, "train/2.jpg", "train/9.jpg", "test/3.jpg")
    found, (_, told) = checked(data, tmp_path, skip=True)
    assert told.startswith(f"3 images of photos of mine can't be decoded: {data.root / 'train/2.jpg'} (")
    assert told.endswith("; left out because of dataset.skip_unreadable=true")
    kept = [number for number in range(20) if number not in (2, 9)]
    assert list(found.train_paths) == [f"train/{number}.jpg" for number in kept]
    assert torch.equal(found.train_targets, data.train_targets[kept])
    assert list(found.test_paths) == [f"test/{number}.jpg" for number in (0, 1, 2, 4, 5, 6)]
    assert torch.equal(found.test_targets, data.test_targets[[0, 1, 2, 4, 5, 6]])
    assert found.unreadable == ("train/2.jpg", "train/9.jpg", "test/3.jpg")
    assert (found.root, found.geometry) == (data.root, data.geometry)


@pytest.mark.parametrize("workers", [0, 2])
def test_files_of_formats_that_no_set_holds_are_left_out_too(data: Photographs, tmp_path: Path, workers: int) -> None:
    for place, format in enumerate(("EPS", "TIFF", *(["AVIF"] if features.check("avif") else []))):
        Image.new("RGB", (64, 48)).save(data.root / f"train/{place}.jpg", format)
    found, _ = checked(data, tmp_path, skip=True, workers=workers)
    assert found.unreadable[:2] == ("train/0.jpg", "train/1.jpg")
    assert "train/3.jpg" not in found.unreadable


def test_the_same_files_are_read_once(data: Photographs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damage(data, "train/2.jpg")
    first, _ = checked(data, tmp_path, skip=True)
    read: list[Path] = []
    check = module.check_decodes
    monkeypatch.setattr(module, "check_decodes", lambda path: read.append(path) or check(path))
    again, said = checked(data, tmp_path, skip=True)
    assert again.unreadable == first.unreadable
    assert not any("reading each" in line for line in said)
    assert read == [data.root / "train/2.jpg"]  # it may have been the disk, so it gets another try


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"images": 27', b'{"unreadable": [1]}', b"[" * 10**5])
def test_they_are_read_again_where_what_was_found_is_lost(data: Photographs, tmp_path: Path, content: bytes) -> None:
    damage(data, "train/2.jpg")
    first, _ = checked(data, tmp_path, skip=True)
    (memory,) = tmp_path.glob("*.json")
    memory.write_bytes(content)
    again, said = checked(data, tmp_path, skip=True)
    assert again.unreadable == first.unreadable == ("train/2.jpg",)
    assert "reading each" in said[0]


@pytest.mark.parametrize("change", ["size", "time"])
def test_changed_files_are_read_again(data: Photographs, tmp_path: Path, change: str) -> None:
    checked(data, tmp_path)
    path = data.root / "test/5.jpg"
    if change == "size":
        damage(data, "test/5.jpg")
        with pytest.raises(UserError, match="1 image of photos of mine can't be decoded: "):
            checked(data, tmp_path)
    else:
        os.utime(path, ns=(1, 1))
        assert len(checked(data, tmp_path)[1]) == 1


def test_a_set_of_which_nothing_is_left_is_refused(data: Photographs, tmp_path: Path) -> None:
    damage(data, *data.test_paths)
    found = unreadable_images(data, tmp_path, workers=0, say=lambda _: None)
    with pytest.raises(UserError, match="which leaves no test image"):
        without_unreadable(data, found)
