"""Further views of a sample: other draws of its image, or the image of a classmate."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from olsrepro.data.batch import Batch
from olsrepro.data.in_memory.loader import DeviceLoader
from olsrepro.data.order import classmates
from olsrepro.data.settings import AugmentSettings, View

COUNT = 20
IMAGES = torch.arange(COUNT * 3 * 8 * 8, dtype=torch.int64).remainder(251).to(torch.uint8).view(COUNT, 3, 8, 8)
TARGETS = torch.arange(COUNT) % 4
PLAIN = AugmentSettings(padding=0, flip=False)
RECIPE = AugmentSettings(padding=2)


def loader(augment: AugmentSettings, *views: View, seed: int = 0, batch_size: int = 6) -> DeviceLoader:
    mean, std = torch.zeros(3), torch.ones(3)
    return DeviceLoader(
        IMAGES, TARGETS, mean, std, augment=augment, batch_size=batch_size, seed=seed, device="cpu", more_views=views
    )


def by_sample(batches: list[Batch], view: int) -> Tensor:
    """One view of an epoch in the order of the training set; 0 is the batch's own images."""
    images = torch.cat([(batch.images, *batch.more_views)[view] for batch in batches])
    return images[torch.cat([batch.indices for batch in batches]).argsort()]


def test_a_batch_without_further_views_is_what_it_was() -> None:
    plain, viewed = list(loader(RECIPE).epoch(1)), list(loader(RECIPE, View(RECIPE)).epoch(1))
    assert all(not batch.more_views for batch in plain)
    assert all(torch.equal(a.images, b.images) for a, b in zip(plain, viewed, strict=True))


def test_a_second_view_is_another_draw_of_the_same_images() -> None:
    batches = list(loader(RECIPE, View(RECIPE)).epoch(0))
    assert not torch.equal(by_sample(batches, 0), by_sample(batches, 1))
    untouched = list(loader(PLAIN, View(PLAIN)).epoch(0))
    assert torch.equal(by_sample(untouched, 0), by_sample(untouched, 1))


def test_a_views_images_depend_on_seed_epoch_and_sample_alone() -> None:
    first = by_sample(list(loader(RECIPE, View(RECIPE)).epoch(3)), 1)
    other_batches = by_sample(list(loader(RECIPE, View(RECIPE), batch_size=7).epoch(3)), 1)
    assert torch.equal(first, other_batches)
    assert not torch.equal(first, by_sample(list(loader(RECIPE, View(RECIPE)).epoch(4)), 1))
    assert not torch.equal(first, by_sample(list(loader(RECIPE, View(RECIPE), seed=1).epoch(3)), 1))


def test_views_are_augmented_each_in_its_own_way() -> None:
    batches = list(loader(PLAIN, View(AugmentSettings(padding=0, flip=True)), View(AugmentSettings(3, False))).epoch(0))
    plain, flipped, cropped = (by_sample(batches, view) for view in range(3))
    assert torch.equal(plain, IMAGES / 255)
    for image, mirrored in zip(plain, flipped, strict=True):
        assert torch.equal(mirrored, image) or torch.equal(mirrored, image.flip(-1))
    assert (cropped == 0).sum() > (plain == 0).sum()  # black pixels of the padding


def test_an_epoch_can_begin_at_any_step() -> None:
    whole = list(loader(RECIPE, View(RECIPE, of="classmate")).epoch(0))
    later = list(loader(RECIPE, View(RECIPE, of="classmate")).epoch(0, start=2))
    assert all(torch.equal(a.more_views[0], b.more_views[0]) for a, b in zip(whole[2:], later, strict=True))


def test_a_classmates_view_shows_another_sample_of_the_class() -> None:
    batches = list(loader(PLAIN, View(PLAIN, of="classmate")).epoch(0))
    shown = by_sample(batches, 1)
    for index in range(COUNT):
        (whose,) = [other for other in range(COUNT) if torch.equal(shown[index], IMAGES[other] / 255)]
        assert whose != index
        assert TARGETS[whose] == TARGETS[index]


def test_a_view_is_of_a_sample_or_of_a_classmate() -> None:
    with pytest.raises(ValueError, match="of=class is not known; did you mean classmate"):
        replace(View(PLAIN), of="class")


@settings(max_examples=60, deadline=None)
@given(targets=st.lists(st.integers(0, 5), min_size=1, max_size=40), key=st.integers(-(2**62), 2**62))
def test_a_classmate_is_of_the_class_and_another_where_there_is_one(targets: list[int], key: int) -> None:
    found = classmates(torch.tensor(targets), key).tolist()
    for index, other in enumerate(found):
        assert targets[other] == targets[index]
        assert (other == index) == (targets.count(targets[index]) == 1)


def test_every_other_sample_of_a_class_is_as_likely() -> None:
    counts = torch.zeros(5)
    for key in range(4000):
        counts[classmates(torch.tensor([0, 0, 0, 0, 0]), key * 7919)[2]] += 1
    assert counts[2] == 0
    assert (counts[counts > 0] - 1000).abs().max() < 120  # four standard deviations
