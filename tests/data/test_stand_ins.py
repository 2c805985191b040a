"""Stand-ins: digits under the name of a set of the paper, the same for ever, each another part of them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from repeated_values import Stated, assert_same, stated_in
from sklearn.datasets import load_digits

from olsrepro.data.dataset import ImageData
from olsrepro.data.datasets.digits import all_digits
from olsrepro.data.datasets.stand_ins import NAMES, resized
from olsrepro.data.download.manifest import SOURCES
from olsrepro.data.registry import read_dataset
from olsrepro.data.settings import DatasetSettings
from olsrepro.data.stand_in import LEAST_SIDE, is_stand_in, original_side, stands_for

PAPERS_SETS = ("cifar10", "cifar100", "imagenet", "cub", "flowers", "cars", "aircraft")
FROZEN = {
    "digits@cifar10": "e079ee900839dc78",
    "digits@cifar100": "f76680343fd6b8ab",
    "digits@imagenet": "6f319da0c009e70a",
    "digits@cub": "45eba7f862f8ce65",
    "digits@flowers": "bd3aeaf1871ae0e4",
    "digits@cars": "acef2aab6cbe05ed",
    "digits@aircraft": "d0b5d2278e4a892d",
}
every_stand_in = pytest.mark.parametrize("name", NAMES)


def settings(name: str) -> DatasetSettings:
    source = SOURCES[name]
    return DatasetSettings(name, source.num_classes, source.train_size, source.test_size, source.image_size)


def read(name: str, side: int = LEAST_SIDE) -> ImageData:
    return read_dataset(replace(settings(name), image_size=side), Path("unused"))


def rows(images: torch.Tensor) -> set[bytes]:
    return {image.numpy().tobytes() for image in images}


def test_every_set_of_the_paper_has_one() -> None:
    assert tuple(f"digits@{name}" for name in PAPERS_SETS) == NAMES


@pytest.mark.parametrize(("name", "meant"), [("digits@cub", "cub"), ("digits", "digits"), ("cifar10", "cifar10")])
def test_a_name_means_the_set_that_it_stands_for(name: str, meant: str) -> None:
    assert stands_for(name) == meant
    assert is_stand_in(name) == (name != meant)


@pytest.mark.parametrize("name", [*NAMES, "shapes@voc"])
def test_the_original_side_is_that_of_the_set_that_it_stands_for(name: str) -> None:
    known = Stated("olsrepro/data/stand_in.py", {"image_size": original_side(name)})
    assert_same(stated_in(f"dataset/{stands_for(name)}.yaml").only(known.values), known)


@every_stand_in
def test_a_top_5_error_means_something(name: str) -> None:
    assert 6 <= settings(name).num_classes <= 10


@every_stand_in
def test_it_is_frozen(name: str) -> None:
    data = read(name)
    content = (data.train_images, data.train_targets, data.test_images, data.test_targets)
    digest = hashlib.sha256(b"".join(part.numpy().tobytes() for part in content)).hexdigest()
    assert digest[:16] == FROZEN[name]


@every_stand_in
def test_images_are_digits_with_their_own_class_and_none_is_in_both_parts(name: str) -> None:
    data = read(name)
    images, digits = all_digits()
    known = {image.tobytes(): str(digit) for image, digit in zip(images, digits, strict=True)}
    for part, targets in ((data.train_images, data.train_targets), (data.test_images, data.test_targets)):
        assert [known[image.numpy().tobytes()] for image in part] == [data.class_names[target] for target in targets]
    assert rows(data.train_images).isdisjoint(rows(data.test_images))


@every_stand_in
def test_classes_keep_their_shares(name: str) -> None:
    data = read(name)
    chosen = np.isin(load_digits().target, [int(digit) for digit in data.class_names])
    shares = np.bincount(load_digits().target[chosen])[[int(digit) for digit in data.class_names]] / chosen.sum()
    for targets in (data.train_targets, data.test_targets):
        found = torch.bincount(targets, minlength=len(shares)).numpy()
        assert np.abs(found - shares * len(targets)).max() < 2


def test_no_two_have_the_same_images() -> None:
    parts = [rows(read(name).test_images) for name in NAMES]
    assert all(len(one & other) < len(one) / 2 for one, other in combinations(parts, 2))


def test_not_all_have_the_same_digits() -> None:
    assert len({read(name).class_names for name in NAMES}) >= 4


def test_the_digits_are_read_once_for_all() -> None:
    all_digits.cache_clear()
    for name in NAMES:
        read(name)
    assert all_digits.cache_info().misses == 1


@pytest.mark.parametrize("side", [5, 8, 12, 16, 20])
def test_resizing_takes_the_pixel_below(side: int) -> None:
    images = np.arange(2 * 3 * 8 * 8, dtype=np.uint8).reshape(2, 3, 8, 8)
    large = resized(images, side)
    assert large.shape == (2, 3, side, side)
    for y, x in np.ndindex(side, side):
        assert np.array_equal(large[:, :, y, x], images[:, :, y * 8 // side, x * 8 // side])


@pytest.mark.parametrize("side", [16, 24])
def test_a_larger_one_is_the_same_in_larger_pixels(side: int) -> None:
    small, large = read("digits@cub"), read("digits@cub", side)
    assert large.train_images.shape == (600, 3, side, side)
    step = side // LEAST_SIDE
    assert torch.equal(large.test_images[..., ::step, ::step], small.test_images)
    assert torch.equal(large.test_images[..., 1::step, 1::step], small.test_images)
    assert torch.equal(large.train_targets, small.train_targets)
    assert torch.allclose(large.mean, small.mean)
    assert torch.allclose(large.std, small.std)
