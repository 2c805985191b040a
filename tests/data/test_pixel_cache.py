"""The pixel cache changes no bit, is built once and whole, and refuses a disk that is too small."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from photo_files import truncate
from small_photographs import SHORT_SIDE, small_photographs

from olsrepro.data.dataset import Geometry, Photographs
from olsrepro.data.photos import crops
from olsrepro.data.photos import loader as host_loader
from olsrepro.data.photos.cache import PixelCache
from olsrepro.data.photos.decode import Unreadable
from olsrepro.data.photos.loader import HostLoader
from olsrepro.data.settings import AugmentSettings, View
from olsrepro.settings import UserError

FINE_GRAINED = AugmentSettings(padding=0, flip=True, crop="window")
PLAIN = AugmentSettings(padding=0, flip=False, crop="centre")


@pytest.fixture
def data(tmp_path: Path) -> Photographs:
    return small_photographs(tmp_path)


def built(data: Photographs, folder: Path, *, crop: str = "window", workers: int = 0) -> tuple[PixelCache, list[str]]:
    said: list[str] = []
    return PixelCache.of(data, folder, crop=crop, workers=workers, say=said.append), said


def images(data: Photographs, augment: AugmentSettings, cache: PixelCache | None, workers: int = 0) -> torch.Tensor:
    views = [View(PLAIN), View(FINE_GRAINED, of="classmate"), View(replace(FINE_GRAINED, crop="resized"))]
    loader = HostLoader(
        data,
        data.train_targets,
        augment=augment,
        batch_size=8,
        seed=0,
        device="cpu",
        more_views=views,
        workers=workers,
        cache=cache,
    )
    batches = [*loader.epoch(0), *loader.whole(0, augmented=False)]
    return torch.cat([view for batch in batches for view in (batch.images, *batch.more_views)])


@pytest.mark.parametrize("augment", [FINE_GRAINED, PLAIN], ids=str)
@pytest.mark.parametrize("workers", [0, 2])
def test_training_images_are_those_without_it(
    data: Photographs, tmp_path: Path, augment: AugmentSettings, workers: int
) -> None:
    cache, _ = built(data, tmp_path / "kept", crop=augment.crop, workers=workers)
    assert cache.train is not None
    assert cache.train.shape == (20, 3, 40, 40)
    assert torch.equal(images(data, augment, cache, workers), images(data, augment, None))


@pytest.mark.parametrize("geometry", [Geometry(32, "square", 40), SHORT_SIDE], ids=str)
def test_test_images_are_those_without_it(tmp_path: Path, geometry: Geometry) -> None:
    data = small_photographs(tmp_path, geometry)
    cache, _ = built(data, tmp_path / "kept")
    assert cache.test.shape == (7, 3, 32, 32)
    found, expected = (
        [images for images, _ in host_loader.test_batches(data, slice(1, 6), batch_size=2, device="cpu", cache=one)]
        for one in (cache, None)
    )
    assert torch.equal(torch.cat(found), torch.cat(expected))


def test_no_photograph_is_decoded_again(data: Photographs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, _ = built(data, tmp_path)
    monkeypatch.setattr(crops, "decoded", lambda path: pytest.fail(f"{path} was read"))
    loader = HostLoader(data, data.train_targets, augment=FINE_GRAINED, batch_size=8, seed=0, device="cpu", cache=cache)
    assert sum(len(batch.targets) for batch in loader.epoch(0)) == 20
    tested = host_loader.test_batches(data, slice(None), batch_size=4, device="cpu", cache=cache)
    assert sum(len(targets) for _, targets in tested) == 7


@pytest.mark.parametrize(("crop", "geometry"), [("resized", None), ("window", SHORT_SIDE), ("centre", SHORT_SIDE)])
def test_training_that_needs_the_originals_has_none(
    tmp_path: Path, data: Photographs, crop: str, geometry: Geometry | None
) -> None:
    cache, said = built(replace(data, geometry=geometry or data.geometry), tmp_path / "kept", crop=crop)
    assert cache.train is None
    assert len(said) == len(list((tmp_path / "kept").glob("*.u8"))) == 1


def test_it_is_built_once(data: Photographs, tmp_path: Path) -> None:
    _, said = built(data, tmp_path / "kept")
    files = sorted((tmp_path / "kept").glob("*.u8"))
    times = [file.stat().st_mtime_ns for file in files]
    kept = ["keeping 7 test images, resized,", "keeping 20 train images, resized,"]
    assert [line.split(" in ")[0] for line in said] == kept
    assert built(data, tmp_path / "kept")[1] == []
    assert [file.stat().st_mtime_ns for file in files] == times
    assert [file.name.rsplit("-", 1)[0] for file in files] == ["photos of mine-test", "photos of mine-train"]


def test_other_photographs_or_sizes_have_another_name(data: Photographs, tmp_path: Path) -> None:
    def names(of: Photographs) -> set[Path]:
        cache, _ = built(of, tmp_path / "kept")
        assert cache.train is not None
        return {cache.train.path, cache.test.path}

    first = names(data)
    assert names(data) == first
    wider = names(replace(data, geometry=replace(data.geometry, resized_to=48)))
    changed = data.root / data.train_paths[0]
    changed.write_bytes(changed.read_bytes() + b"\0")
    assert not wider & first
    assert len(names(data) & first) == 1  # of the test images, which are what they were


def test_a_half_built_one_is_never_used(data: Photographs, tmp_path: Path) -> None:
    cache, _ = built(data, tmp_path / "kept")
    os.chmod(cache.test.path, 0o644)
    truncate(cache.test.path)
    left = cache.test.path.with_name(f".{cache.test.path.name}.1.part")
    left.write_bytes(b"half of it")
    again, said = built(data, tmp_path / "kept")
    assert len(said) == 1
    assert again.test.is_whole
    assert not left.exists()


def test_a_damaged_photograph_leaves_nothing_behind(data: Photographs, tmp_path: Path) -> None:
    truncate(data.root / data.test_paths[4])
    with pytest.raises(Unreadable, match=r"test/4\.jpg can't be decoded"):
        built(data, tmp_path / "kept")
    assert [path.suffix for path in (tmp_path / "kept").iterdir()] in ([], [".lock"])


def test_too_small_a_disk_is_refused_before_anything_is_written(
    data: Photographs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = 20 * 3 * 40 * 40 + 7 * 3 * 32 * 32
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(needed, 1, needed - 1))
    with pytest.raises(UserError) as told:
        built(data, tmp_path / "kept")
    assert str(told.value).startswith(
        f"runtime.pixel_cache=true needs {needed:,} bytes in {tmp_path / 'kept'}, where {needed - 1:,} are free; "
    )
    assert [path.suffix for path in (tmp_path / "kept").iterdir()] == [".lock"]


def test_no_room_is_asked_for_what_another_process_is_making(
    data: Photographs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have filled by then what this one would ask for."""
    first, _ = built(data, tmp_path / "kept", crop="resized")
    content, path = first.test.path.read_bytes(), first.test.path
    path.unlink()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 1, 0))
    holds, is_awaited = threading.Event(), threading.Event()

    def finish_once_awaited() -> None:
        with FileLock(path.with_name(f".{path.name}.lock")):
            holds.set()
            is_awaited.wait(10)
            path.write_bytes(content)

    other = threading.Thread(target=finish_once_awaited)
    other.start()
    holds.wait()
    cache = PixelCache.of(data, tmp_path / "kept", crop="resized", workers=0, say=lambda _: is_awaited.set())
    other.join()
    assert cache.test.is_whole


def test_a_second_process_waits_for_the_first(data: Photographs, tmp_path: Path) -> None:
    first, _ = built(data, tmp_path / "kept", crop="resized")
    content, path = first.test.path.read_bytes(), first.test.path
    path.unlink()
    holds = threading.Event()

    def finish_later() -> None:
        with FileLock(path.with_name(f".{path.name}.lock")):
            holds.set()
            time.sleep(0.3)
            path.write_bytes(content)

    other = threading.Thread(target=finish_later)
    other.start()
    holds.wait()
    _, said = built(data, tmp_path / "kept", crop="resized")
    assert said == [f"waiting for another process, which is making {path}"]
    other.join()
