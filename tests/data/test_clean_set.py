"""The clean set: who is in it, what comes with a step, and what the other steps then see."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from olsrepro.data.in_memory.loader import DeviceLoader
from olsrepro.data.labels.clean_set import CleanBatches, clean_indices
from olsrepro.data.settings import AugmentSettings

TARGETS = torch.arange(60) % 5
IMAGES = torch.arange(60 * 3 * 4 * 4).remainder(251).to(torch.uint8).view(60, 3, 4, 4)


def test_as_many_of_each_class_are_in_it() -> None:
    chosen = clean_indices(TARGETS, 5, 10, per_class=True, seed=0)
    assert torch.bincount(TARGETS[chosen]).tolist() == [2] * 5
    assert chosen.tolist() == sorted(set(chosen.tolist()))


def test_it_is_a_function_of_the_seed() -> None:
    first, again, other = (clean_indices(TARGETS, 5, 10, per_class=True, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_larger_one_holds_the_smaller_one() -> None:
    for per_class in (True, False):
        small, large = (set(clean_indices(TARGETS, 5, n, per_class=per_class, seed=3).tolist()) for n in (10, 25))
        assert small < large


def test_without_balance_it_is_drawn_from_all() -> None:
    counts = [
        torch.bincount(TARGETS[clean_indices(TARGETS, 5, 20, per_class=False, seed=s)]).tolist() for s in range(9)
    ]
    assert any(count != [4] * 5 for count in counts)
    assert all(sum(count) == 20 for count in counts)


@pytest.mark.parametrize(
    ("size", "per_class", "message"),
    [
        (12, True, "clean_size=12 must be a multiple of the 5 classes"),
        (65, True, "asks for 13 images of the smallest class, which has 12"),
        (61, False, "asks for 61 images of the training set, which has 60"),
    ],
)
def test_more_than_there_is_is_refused_with_the_numbers(size: int, per_class: bool, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        clean_indices(TARGETS, 5, size, per_class=per_class, seed=0)


def test_each_pass_shows_every_clean_sample_once_in_another_order() -> None:
    indices = torch.tensor([3, 8, 9, 20, 21, 40, 41])
    batches = CleanBatches(indices, 3, seed=0)
    passes = [torch.cat([batches.at(3 * turn + place) for place in range(3)]) for turn in range(4)]
    assert all(sorted(one.tolist()) == indices.tolist() for one in passes)
    assert len({tuple(one.tolist()) for one in passes}) > 1
    assert [len(batches.at(step)) for step in range(6)] == [3, 3, 1, 3, 3, 1]
    assert torch.equal(batches.at(5), CleanBatches(indices, 3, seed=0).at(5))


def loader(held_out: Tensor | None, clean: CleanBatches | None = None) -> DeviceLoader:
    mean, std = torch.zeros(3), torch.ones(3)
    plain = AugmentSettings(padding=0, flip=False)
    return DeviceLoader(
        IMAGES, TARGETS, mean, std, augment=plain, batch_size=8, seed=0, device="cpu", held_out=held_out, clean=clean
    )


def test_samples_held_out_come_in_no_step_and_the_others_keep_their_order() -> None:
    out = torch.tensor([0, 7, 33])
    whole = torch.cat([batch.indices for batch in loader(None).epoch(2)])
    held = torch.cat([batch.indices for batch in loader(out).epoch(2)])
    assert held.tolist() == [index for index in whole.tolist() if index not in out.tolist()]
    assert len(loader(out)) == -(-57 // 8)


def test_each_step_has_the_clean_batch_of_its_number_over_the_whole_training() -> None:
    out = torch.tensor([0, 7, 33, 34])
    clean = CleanBatches(out, 3, seed=0)
    steps = len(loader(out, clean))
    for epoch in range(2):
        for step, batch in enumerate(loader(out, clean).epoch(epoch)):
            expected = clean.at(epoch * steps + step)
            assert batch.clean_images is not None
            assert torch.equal(batch.clean_images, IMAGES[expected] / 255)
            assert torch.equal(batch.clean_targets, TARGETS[expected])
    later = next(loader(out, clean).epoch(1, start=4))
    assert torch.equal(later.clean_targets, TARGETS[clean.at(steps + 4)])


def test_a_batch_without_a_clean_set_has_none() -> None:
    assert next(loader(None).epoch(0)).clean_images is None


@pytest.mark.parametrize("augmented", [True, False])
def test_the_whole_set_comes_once_by_index_without_those_held_out(augmented: bool) -> None:
    out = torch.tensor([5, 6])
    batches = list(loader(out).whole(1, augmented=augmented))
    indices = torch.cat([batch.indices for batch in batches])
    assert indices.tolist() == [index for index in range(60) if index not in (5, 6)]
    assert torch.equal(torch.cat([batch.images for batch in batches]), IMAGES[indices] / 255)
    assert torch.equal(torch.cat([batch.targets for batch in batches]), TARGETS[indices])


def test_augmented_it_is_what_the_steps_of_the_epoch_see_and_plain_what_a_test_would() -> None:
    mean, std = torch.zeros(3), torch.ones(3)
    moved = DeviceLoader(
        IMAGES, TARGETS, mean, std, augment=AugmentSettings(padding=2, cutout=2), batch_size=8, seed=0, device="cpu"
    )
    steps = list(moved.epoch(3))
    seen, order = torch.cat([batch.images for batch in steps]), torch.cat([batch.indices for batch in steps])
    assert torch.equal(torch.cat([batch.images for batch in moved.whole(3, augmented=True)]), seen[order.argsort()])
    assert torch.equal(torch.cat([batch.images for batch in moved.whole(3, augmented=False)]), IMAGES / 255)
