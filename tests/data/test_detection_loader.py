"""The detection loader against a slow reference; workers, ranks and starts change no bit."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import voc_files
from PIL import Image
from torch import Tensor

from olsrepro.data.dataset import DetectionSet
from olsrepro.data.detection import loader as detection_loader
from olsrepro.data.detection.batch import DetectionBatch
from olsrepro.data.detection.draws import changes
from olsrepro.data.detection.letterbox import Placement, letterboxed
from olsrepro.data.detection.loader import DetectionLoader
from olsrepro.data.detection.mixup import mixing, size_of
from olsrepro.data.detection.settings import DetectionAugment
from olsrepro.data.detection.transforms import Scene, changed
from olsrepro.data.objects import Objects
from olsrepro.data.order import draw_order
from olsrepro.data.photos.decode import Unreadable
from olsrepro.data.photos.draws import DrawAddress
from olsrepro.data.shard import Shard, rows_of_part

COUNT, SEED, EPOCH, BATCH = 13, 4, 2, 4
AUGMENT = DetectionAugment(sizes=(64, 96), size_every=2)
PLAIN = DetectionAugment(flip=0, crop=0, translate=0, mixup=0, sizes=(64,))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DetectionSet:
    return voc_files.small_voc(tmp_path_factory.mktemp("voc"), 8, 5, 7)


def loader(data: DetectionSet, augment: DetectionAugment = AUGMENT, **changes: Any) -> DetectionLoader:
    return DetectionLoader(data, **{"augment": augment, "batch_size": BATCH, "seed": SEED, "device": "cpu"} | changes)


def tensors(batch: DetectionBatch) -> dict[str, Any]:
    return {item.name: getattr(batch, item.name) for item in fields(batch)}


def same(found: list[DetectionBatch], expected: list[DetectionBatch]) -> bool:
    pairs = [(tensors(a), tensors(b)) for a, b in zip(found, expected, strict=True)]
    return len(pairs) > 0 and all(
        torch.equal(a[key], b[key]) if isinstance(a[key], Tensor) else a[key] == b[key] for a, b in pairs for key in a
    )


def one(data: DetectionSet, place: DrawAddress, draws_of: int, shown: int, side: int) -> tuple[Tensor, Objects]:
    """An image in [0, 255] and its objects, one step after another."""
    with Image.open(data.root / data.train_paths[shown]) as file:
        image = file.convert("RGB")
    own = data.train_objects.of(shown)
    (change,) = changes(AUGMENT, place, torch.tensor([draws_of]))
    scene = changed(Scene(image, own.boxes), change)
    placement = Placement(*scene.image.size, side)
    pixels = torch.from_numpy(np.array(letterboxed(scene.image, placement))).float()
    return pixels, replace(own, boxes=placement.placed(scene.boxes))


def reference(data: DetectionSet, sample: int, side: int) -> tuple[Tensor, list[list[float]]]:
    """One training image, and for each of its objects box, class and weight."""
    pixels, own = one(data, DrawAddress(SEED, EPOCH), sample, sample, side)
    mixed = mixing(AUGMENT, DrawAddress(SEED, EPOCH), torch.tensor([sample]), COUNT)
    parts = [(own, 1.0)]
    if len(mixed.rows):
        share = float(mixed.shares)
        second, others = one(data, DrawAddress(SEED, EPOCH, 1), sample, int(mixed.partners), side)
        pixels, parts = share * pixels + (1 - share) * second, [(own, share), (others, 1 - share)]
    rows = [
        [*box, label, weight]
        for objects, weight in parts
        for box, label in zip(objects.boxes.tolist(), objects.classes.tolist(), strict=True)
    ]
    return pixels / 255, rows


def test_images_and_objects_are_those_of_the_definition(data: DetectionSet) -> None:
    order, seen, mixtures = draw_order(COUNT, SEED, EPOCH, "cpu").tolist(), 0, 0
    for step, batch in enumerate(loader(data).epoch(EPOCH)):
        side = size_of(AUGMENT, SEED, EPOCH, step)
        assert batch.images.shape == (len(batch.indices), 3, side, side)
        assert (batch.images.dtype, batch.epoch, batch.step_size, batch.share) == (torch.float32, EPOCH, None, 1)
        for row, sample in enumerate(batch.indices.tolist()):
            pixels, objects = reference(data, sample, side)
            torch.testing.assert_close(batch.images[row], pixels, atol=1e-5, rtol=0)
            mine = batch.owners == row
            found = torch.column_stack([batch.boxes[mine], batch.classes[mine], batch.weights[mine]])
            torch.testing.assert_close(found, torch.tensor(objects).view(-1, 6), atol=1e-4, rtol=0)
            assert sample == order[seen]
            seen += 1
            mixtures += bool((found[:, 5] < 1).any())
    assert seen == COUNT
    assert 2 < mixtures < COUNT


def test_boxes_lie_in_their_images_and_owners_rise(data: DetectionSet) -> None:
    for epoch in range(5):
        for batch in loader(data).epoch(epoch):
            side = batch.images.shape[-1]
            assert (batch.boxes >= -1e-4).all()
            assert (batch.boxes <= side + 1e-3).all()
            assert (batch.boxes[:, 2:] > batch.boxes[:, :2]).all()
            assert (batch.owners.diff() >= 0).all()
            assert 0 <= batch.images.min() <= batch.images.max() <= 1
            assert (batch.boxes.dtype, batch.classes.dtype, batch.weights.dtype, batch.owners.dtype) == (
                torch.float32,
                torch.int64,
                torch.float32,
                torch.int64,
            )


def test_workers_and_a_later_start_change_no_bit(data: DetectionSet) -> None:
    expected = list(loader(data).epoch(EPOCH))
    by_workers = loader(data, workers=2)
    assert same(list(by_workers.epoch(EPOCH)), expected)
    assert same(list(by_workers.epoch(EPOCH, start=2)), expected[2:])
    assert same(list(loader(data).epoch(EPOCH, start=3)), expected[3:])
    assert list(by_workers.epoch(EPOCH, start=4)) == []


def rows_of(batch: DetectionBatch, rows: Tensor) -> DetectionBatch:
    """The slow way to some rows of a batch."""
    kept = [place for place, owner in enumerate(batch.owners.tolist()) if owner in rows.tolist()]
    owners = [rows.tolist().index(int(batch.owners[place])) for place in kept]
    return replace(
        batch,
        images=batch.images[rows],
        indices=batch.indices[rows],
        boxes=batch.boxes[kept],
        classes=batch.classes[kept],
        weights=batch.weights[kept],
        owners=torch.tensor(owners, dtype=torch.int64),
        step_size=len(batch.images),
    )


@pytest.mark.parametrize("ranks", [2, 3])
def test_ranks_have_the_rows_of_one_that_is_alone(data: DetectionSet, ranks: int) -> None:
    whole = list(loader(data).epoch(EPOCH))
    for rank in range(ranks):
        shard = Shard(rank, ranks)
        expected = [rows_of(batch, shard.rows(len(batch.images))) for batch in whole]
        assert same(list(loader(data, shard=shard).epoch(EPOCH)), expected)


@pytest.mark.parametrize("in_pairs", [False, True])
def test_parts_of_a_batch_have_their_images_with_their_objects(data: DetectionSet, in_pairs: bool) -> None:
    whole = next(loader(data, batch_size=7).epoch(EPOCH))
    assert whole.parts(1) == (whole,)
    parts = whole.parts(3, in_pairs=in_pairs)
    assert same(list(parts), [rows_of(whole, rows_of_part(7, part, 3, in_pairs=in_pairs)) for part in range(3)])
    assert sum(part.share for part in parts) == pytest.approx(1)
    assert sum(len(part.boxes) for part in parts) == len(whole.boxes)
    assert replace(whole, step_size=28).parts(2)[0].step_size == 28


def test_the_samples_of_a_step_are_told_for_all_ranks(data: DetectionSet) -> None:
    whole = [batch.indices.tolist() for batch in loader(data).epoch(EPOCH)]
    alone = loader(data, shard=Shard(1, 2))
    assert [alone.samples_of(EPOCH, step) for step in range(len(alone))] == whole
    assert (len(alone), [len(part) for part in whole]) == (4, [4, 4, 4, 1])


def test_epochs_and_seeds_differ(data: DetectionSet) -> None:
    first = next(loader(data, PLAIN).epoch(0))
    assert not torch.equal(first.indices, next(loader(data, PLAIN).epoch(1)).indices)
    assert not torch.equal(first.indices, next(loader(data, PLAIN, seed=5).epoch(0)).indices)


def test_a_batch_without_any_object_is_one(data: DetectionSet) -> None:
    none = Objects.listed([[]] * COUNT)
    for batch in loader(replace(data, train_objects=none)).epoch(0):
        assert batch.boxes.shape == (0, 4)
        assert len(batch.owners) == len(batch.weights) == len(batch.classes) == 0


@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_of_another_size_than_its_annotation_states_is_told_by_name(data: DetectionSet, workers: int) -> None:
    last = int(draw_order(COUNT, SEED, 0, "cpu")[-1])
    sizes = data.train_sizes.copy()
    sizes[last] = sizes[last] + (0, 1)
    batches = loader(replace(data, train_sizes=sizes), PLAIN, workers=workers).epoch(0)
    assert [len(next(batches).indices) for _ in range(3)] == [4, 4, 4]
    with pytest.raises(Unreadable) as told:
        next(batches)
    path, (width, height) = data.root / data.train_paths[last], data.train_sizes[last]
    assert str(told.value) == (
        f"{path} does not belong to its annotation: it has {width:g} x {height:g} pixels as stored, the annotation"
        f" states {width:g} x {height + 1:g}; put the published files there"
    )


def test_a_test_image_of_another_size_than_its_annotation_states_is_told_by_name(data: DetectionSet) -> None:
    with pytest.raises(Unreadable, match=r"does not belong to its annotation: it has .* pixels as stored"):
        list(passed(replace(data, test_sizes=data.test_sizes[:, ::-1])))


def test_an_image_that_can_not_be_decoded_is_told_by_name(tmp_path: Path) -> None:
    data = voc_files.small_voc(tmp_path)
    (data.root / data.train_paths[3]).write_bytes(b"no image")
    (data.root / data.test_paths[1]).write_bytes(b"no image")
    with pytest.raises(Unreadable, match=r"000003\.jpg can't be decoded"):
        list(loader(data).epoch(0))
    with pytest.raises(Unreadable, match=r"000008\.jpg can't be decoded"):
        list(passed(data))


def passed(data: DetectionSet, **changes: Any) -> list[tuple[Tensor, tuple[Placement, ...]]]:
    how = {"samples": slice(None), "size": 96, "flip": False, "batch_size": 3, "device": "cpu"} | changes
    return list(detection_loader.test_batches(data, how.pop("samples"), **how))


def test_a_test_has_every_image_in_order_in_its_letter_box(data: DetectionSet) -> None:
    batches = passed(data)
    assert [len(images) for images, _ in batches] == [3, 3, 1]
    images = torch.cat([images for images, _ in batches])
    placements = [placement for _, placements in batches for placement in placements]
    for path, image, placement in zip(data.test_paths, images, placements, strict=True):
        with Image.open(data.root / path) as file:
            assert placement == Placement(file.width, file.height, 96)
            expected = letterboxed(file.convert("RGB"), placement)
        assert torch.equal(image, torch.from_numpy(np.array(expected)).float() / 255)


def test_a_mirrored_test_is_mirrored_and_its_boxes_come_back(data: DetectionSet) -> None:
    for (images, _), (turned, placements) in zip(passed(data), passed(data, flip=True), strict=True):
        assert torch.equal(turned, images.flip(-1))
        assert all(placement.is_mirrored for placement in placements)
        assert turned.is_contiguous()


def test_a_part_of_the_test_set_and_workers_change_no_bit(data: DetectionSet) -> None:
    whole = torch.cat([images for images, _ in passed(data)])
    assert torch.equal(torch.cat([images for images, _ in passed(data, samples=slice(2, 6), batch_size=2)]), whole[2:6])
    assert torch.equal(torch.cat([images for images, _ in passed(data, workers=2)]), whole)
    assert passed(data, samples=slice(3, 3)) == []
