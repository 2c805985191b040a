"""The host loader against torchvision image by image; workers, ranks, starts and views change no bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from photo_files import truncate
from small_photographs import CLASSES, MEAN, SHORT_SIDE, SQUARE, STD, resize_of, small_photographs
from torch import Tensor
from torchvision.transforms import functional

from olsrepro.data.batch import Batch
from olsrepro.data.dataset import Geometry, Photographs
from olsrepro.data.labels.clean_set import CleanBatches
from olsrepro.data.order import classmates, draw_order
from olsrepro.data.photos import crops
from olsrepro.data.photos import loader as host_loader
from olsrepro.data.photos.decode import Unreadable, decoded
from olsrepro.data.photos.draws import DrawAddress, attempts, part_of
from olsrepro.data.photos.loader import HostLoader
from olsrepro.data.settings import AugmentSettings, View
from olsrepro.data.shard import Shard
from olsrepro.randomness import address, integers

COUNT, SIDE, EPOCH, SEED = 20, SQUARE.side, 2, 4
PLAIN = AugmentSettings(padding=0, flip=False, crop="centre")
FINE_GRAINED = AugmentSettings(padding=0, flip=True, crop="window")
IMAGENET = AugmentSettings(padding=0, flip=True, crop="resized")
WITH_COLOURS = replace(IMAGENET, colour_jitter=0.4, light_noise=0.1, cutout=8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Photographs:
    return small_photographs(tmp_path_factory.mktemp("photographs"))


def loader(data: Photographs, augment: AugmentSettings, **changes: Any) -> HostLoader:
    settings = {"augment": augment, "batch_size": 6, "seed": SEED, "device": "cpu"} | changes
    return HostLoader(data, data.train_targets, **settings)


def drawn(purpose: str, index: int, choices: int) -> int:
    return int(integers(address(SEED, purpose, EPOCH), torch.tensor([index]), 0, choices))


def normalised(pixels: Tensor) -> Tensor:
    return functional.normalize(pixels.float() / 255, MEAN.tolist(), STD.tolist())


def reference(data: Photographs, index: int, augment: AugmentSettings) -> Tensor:
    """One training image, one step after another on a Pillow image."""
    image = decoded(data.root / data.train_paths[index])
    side = data.geometry.side
    if augment.crop == "resized":
        (tried,) = attempts(DrawAddress(SEED, EPOCH), torch.tensor([index]))
        image = functional.resized_crop(image, *part_of(image.height, image.width, tried), [side, side])
    else:
        image = resize_of(data.geometry)(image)
        ranges = image.height - side + 1, image.width - side + 1
        top, left = (drawn(f"crop_{axis}", index, count) for axis, count in zip("yx", ranges, strict=True))
        is_window = augment.crop == "window"
        image = functional.crop(image, top, left, side, side) if is_window else functional.center_crop(image, [side])
    if augment.flip and drawn("flip", index, 2):
        image = functional.hflip(image)
    pixels = normalised(functional.pil_to_tensor(image))
    if augment.cutout:
        y, x, half = drawn("cutout_y", index, side), drawn("cutout_x", index, side), augment.cutout // 2
        pixels[:, max(0, y - half) : y + half, max(0, x - half) : x + half] = 0
    return pixels


def by_sample(batches: list[Batch]) -> Tensor:
    images = torch.cat([batch.images for batch in batches])
    return images[torch.cat([batch.indices for batch in batches]).argsort()]


def same(found: list[Batch], expected: list[Batch]) -> bool:
    """Whether all tensors of all batches are equal."""

    def tensors(batch: Batch) -> list[Tensor]:
        clean = [] if batch.clean_images is None else [batch.clean_images, batch.clean_targets]
        return [batch.images, batch.targets, batch.indices, *batch.more_views, *clean]

    pairs = [(a, b) for x, y in zip(found, expected, strict=True) for a, b in zip(tensors(x), tensors(y), strict=True)]
    return len(pairs) > 0 and all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("geometry", [SQUARE, SHORT_SIDE, Geometry(31, "short_side", 44)], ids=str)
@pytest.mark.parametrize(
    "augment", [PLAIN, FINE_GRAINED, IMAGENET, replace(FINE_GRAINED, cutout=12, flip=False)], ids=str
)
def test_images_equal_torchvisions(photos: Photographs, augment: AugmentSettings, geometry: Geometry) -> None:
    data = replace(photos, geometry=geometry)
    images = by_sample(list(loader(data, augment).epoch(EPOCH)))
    assert images.dtype == torch.float32
    assert torch.equal(images, torch.stack([reference(data, index, augment) for index in range(COUNT)]))


def test_colours_come_between_crop_and_cutout(photos: Photographs) -> None:
    uncoloured, coloured = (
        by_sample(list(loader(photos, augment).epoch(EPOCH))) for augment in (replace(IMAGENET, cutout=8), WITH_COLOURS)
    )
    hole = (uncoloured == 0).all(1, keepdim=True).expand_as(coloured)
    assert hole.any()
    assert (coloured[hole] == 0).all()
    assert (coloured[~hole] != uncoloured[~hole]).float().mean() > 0.95


def test_the_order_is_that_of_the_loader_in_memory(photos: Photographs) -> None:
    batches = list(loader(photos, PLAIN).epoch(EPOCH))
    order = draw_order(COUNT, SEED, EPOCH, "cpu")
    assert [len(batch.targets) for batch in batches] == [6, 6, 6, 2]
    assert torch.equal(torch.cat([batch.indices for batch in batches]), order)
    assert torch.equal(torch.cat([batch.targets for batch in batches]), photos.train_targets[order])
    assert {(batch.epoch, batch.step_size) for batch in batches} == {(EPOCH, None)}
    assert [loader(photos, PLAIN).samples_of(EPOCH, step) for step in range(4)] == [
        part.tolist() for part in order.split(6)
    ]
    assert (len(loader(photos, PLAIN)), loader(photos, PLAIN).total, loader(photos, PLAIN).count) == (4, COUNT, COUNT)


def everything(data: Photographs, **changes: Any) -> HostLoader:
    """With all that a batch can carry."""
    clean = torch.tensor([3, 5, 8, 11, 19])
    views = [View(FINE_GRAINED, of="classmate"), View(WITH_COLOURS), View(PLAIN)]
    settings = {"more_views": views, "held_out": clean, "clean": CleanBatches(clean, 4, SEED)} | changes
    return loader(data, WITH_COLOURS, **settings)


def test_workers_and_a_later_start_change_no_bit(photos: Photographs) -> None:
    expected = list(everything(photos).epoch(EPOCH))
    by_workers = everything(photos, workers=2)
    assert same(list(by_workers.epoch(EPOCH)), expected)
    assert same(list(by_workers.epoch(EPOCH, start=1)), expected[1:])
    assert same(list(by_workers.whole(EPOCH, augmented=True)), list(everything(photos).whole(EPOCH, augmented=True)))
    assert list(by_workers.epoch(EPOCH, start=3)) == []


def test_passes_may_be_left_early_and_nested(photos: Photographs) -> None:
    by_workers, expected = everything(photos, workers=2), list(everything(photos).epoch(0))
    left = by_workers.epoch(0)
    first = next(left)
    left.close()
    nested = [[batch, *by_workers.epoch(0, start=2)] for batch in by_workers.epoch(0)]
    assert same([first], expected[:1])
    assert same([batch for batch, *_ in nested], expected)
    assert all(same(inner, expected[2:]) for _, *inner in nested)


@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("in_pairs", [False, True])
def test_ranks_share_each_batch_among_them(photos: Photographs, ranks: int, in_pairs: bool) -> None:
    shards = [Shard(rank, ranks, in_pairs) for rank in range(ranks)]
    by_rank = [list(everything(photos, shard=shard).epoch(EPOCH)) for shard in shards]
    for whole, *parts in zip(everything(photos).epoch(EPOCH), *by_rank, strict=True):
        for shard, part in zip(shards, parts, strict=True):
            rows, clean = shard.rows(len(whole.targets)), shard.rows(len(whole.clean_targets))
            assert part.step_size == len(whole.targets)
            assert torch.equal(part.indices, whole.indices[rows])
            assert torch.equal(part.targets, whole.targets[rows])
            assert torch.equal(part.images, whole.images[rows])
            assert all(torch.equal(a, b[rows]) for a, b in zip(part.more_views, whole.more_views, strict=True))
            assert torch.equal(part.clean_images, whole.clean_images[clean])
            assert torch.equal(part.clean_targets, whole.clean_targets[clean])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_rank_may_have_no_row_of_a_short_batch(photos: Photographs, workers: int) -> None:
    parts = list(everything(photos, workers=workers, shard=Shard(0, 8)).epoch(EPOCH))
    assert [len(part.targets) for part in parts] == [0, 0, 0]
    assert [tuple(part.images.shape) for part in parts] == [(0, 3, SIDE, SIDE)] * 3
    assert [part.step_size for part in parts] == [6, 6, 3]


def test_held_out_samples_come_in_no_step_and_the_clean_ones_beside_each(photos: Photographs) -> None:
    clean = torch.tensor([3, 5, 8, 11, 19])
    held = loader(photos, FINE_GRAINED, held_out=clean, clean=CleanBatches(clean, 4, SEED))
    batches = list(held.epoch(EPOCH))
    assert (len(held), held.count, len(batches)) == (3, 15, 3)
    seen = torch.cat([batch.indices for batch in batches])
    assert sorted(seen.tolist()) == sorted(set(range(COUNT)) - set(clean.tolist()))
    for step, batch in enumerate(batches):
        shown = CleanBatches(clean, 4, SEED).at(EPOCH * 3 + step)
        expected = torch.stack([reference(photos, int(index), FINE_GRAINED) for index in shown])
        assert torch.equal(batch.clean_images, expected)
        assert torch.equal(batch.clean_targets, photos.train_targets[shown])


def test_further_views_are_other_draws_and_classmates(photos: Photographs) -> None:
    views = [View(PLAIN, of="classmate"), View(FINE_GRAINED), View(PLAIN)]
    mates = classmates(photos.train_targets, address(SEED, "classmate", EPOCH, 1))
    own = torch.stack([reference(photos, index, PLAIN) for index in range(COUNT)])
    for batch in loader(photos, FINE_GRAINED, more_views=views).epoch(EPOCH):
        mate, other, plain = batch.more_views
        assert torch.equal(mate, own[mates[batch.indices]])
        assert torch.equal(plain, own[batch.indices])
        assert not torch.equal(other, batch.images)


def test_a_view_of_a_classmate_is_drawn_by_the_sample_itself(photos: Photographs) -> None:
    batches = list(loader(photos, FINE_GRAINED, more_views=[View(FINE_GRAINED, of="classmate")]).epoch(EPOCH))
    again = list(loader(photos, FINE_GRAINED, more_views=[View(FINE_GRAINED)]).epoch(EPOCH))
    mates = classmates(photos.train_targets, address(SEED, "classmate", EPOCH, 1))
    alone = mates == torch.arange(COUNT)  # none here: each class has several
    assert not alone.any()
    assert all(not torch.equal(a.more_views[0], b.more_views[0]) for a, b in zip(batches, again, strict=True))


def test_each_photograph_is_decoded_once_for_all_views_of_it(
    photos: Photographs, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths: list[Path] = []
    monkeypatch.setattr(crops, "decoded", lambda path: paths.append(path) or decoded(path))
    list(loader(photos, IMAGENET, more_views=[View(FINE_GRAINED), View(PLAIN)]).epoch(0))
    assert len(paths) == len(set(paths)) == COUNT
    list(loader(photos, IMAGENET, more_views=[View(IMAGENET, of="classmate")]).epoch(0))
    assert len(paths) == 3 * COUNT


@pytest.mark.parametrize("size", [3, 128])
def test_the_whole_set_comes_by_rising_index(photos: Photographs, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_loader, "WHOLE_BATCH", size)
    held_out = torch.tensor([2, 7])
    made = loader(photos, replace(FINE_GRAINED, cutout=6), held_out=held_out, shard=Shard(1, 2))
    kept = [index for index in range(COUNT) if index not in held_out]
    for augmented, augment in ((True, replace(FINE_GRAINED, cutout=6)), (False, PLAIN)):
        batches = list(made.whole(EPOCH, augmented=augmented))
        assert torch.cat([batch.indices for batch in batches]).tolist() == kept
        assert torch.equal(torch.cat([batch.targets for batch in batches]), photos.train_targets[kept])
        expected = torch.stack([reference(photos, index, augment) for index in kept])
        assert torch.equal(torch.cat([batch.images for batch in batches]), expected)


@pytest.mark.parametrize("samples", [slice(0, 7), slice(2, 5), slice(4, 4)], ids=str)
@pytest.mark.parametrize("workers", [0, 2])
def test_test_images_come_in_order(photos: Photographs, samples: slice, workers: int) -> None:
    batches = list(host_loader.test_batches(photos, samples, batch_size=3, device="cpu", workers=workers))
    indices = range(7)[samples]
    assert [len(targets) for _, targets in batches] == [len(indices[at : at + 3]) for at in range(0, len(indices), 3)]
    shown = [decoded(photos.root / photos.test_paths[index]) for index in indices]
    plain = [functional.center_crop(resize_of(SQUARE)(image), [SIDE]) for image in shown]
    for at, (images, targets) in enumerate(batches):
        rows = slice(3 * at, 3 * at + 3)
        assert torch.equal(images, torch.stack([normalised(functional.pil_to_tensor(one)) for one in plain[rows]]))
        assert torch.equal(targets, torch.tensor(indices[rows]) % CLASSES)


def test_channels_last_has_the_same_numbers(photos: Photographs) -> None:
    for batch, expected in zip(
        everything(photos, channels_last=True).epoch(0), everything(photos).epoch(0), strict=True
    ):
        assert batch.images.is_contiguous(memory_format=torch.channels_last)
        assert same([batch], [expected])


@pytest.mark.parametrize("workers", [0, 2])
def test_torchs_generator_is_left_alone(photos: Photographs, workers: int) -> None:
    before = torch.get_rng_state()
    list(everything(photos, workers=workers).epoch(0))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_that_fails_in_the_middle_is_named(tmp_path: Path, workers: int) -> None:
    data = small_photographs(tmp_path)
    damaged = data.root / data.train_paths[13]
    truncate(damaged)
    batches = loader(data, FINE_GRAINED, workers=workers).epoch(0)
    with pytest.raises(Unreadable, match=r"train/13.jpg can't be decoded \(.*truncated"):
        list(batches)
    assert len(list(loader(data, FINE_GRAINED, workers=workers).epoch(0, start=4))) == 0


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("workers", [0, 2])
def test_cuda_gives_the_batches_of_the_cpu(photos: Photographs, workers: int) -> None:
    on_gpu = list(everything(photos, device="cuda", workers=workers).epoch(1))
    for batch, expected in zip(on_gpu, everything(photos).epoch(1), strict=True):
        assert batch.images.is_cuda
        assert torch.equal(batch.indices.cpu(), expected.indices)
        assert torch.equal(batch.more_views[0].cpu(), expected.more_views[0])
        torch.testing.assert_close(batch.images.cpu(), expected.images, rtol=0, atol=1e-5)
