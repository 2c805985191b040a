"""Stand-ins for human labels: what the nearest training images are, against a search from the definition."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from olsrepro.data.dataset import ImageData
from olsrepro.data.labels.human_labels import human_labels, neighbour_shares
from olsrepro.data.registry import read_dataset
from olsrepro.data.settings import DatasetSettings
from olsrepro.settings import UserError


@pytest.fixture(scope="module")
def data() -> ImageData:
    return read_dataset(DatasetSettings("digits@cifar10", 10, 600, 200, 8), Path("unused"))


def slow_shares(data: ImageData, image: int, count: int) -> list[float]:
    """One image's shares: all distances in whole numbers, sorted by distance, then by place."""
    seen = data.test_images[image].numpy().astype(np.int64)
    known = data.train_images.numpy().astype(np.int64)
    ranked = sorted((int(((known[place] - seen) ** 2).sum()), place) for place in range(len(known)))
    classes = Counter(int(data.train_targets[place]) for _, place in ranked[:count])
    return [classes[k] / count for k in range(len(data.class_names))]


def tiny(train: list[int], targets: list[int], test: list[int]) -> ImageData:
    """Images of one pixel."""
    images = [np.array(values, dtype=np.uint8).reshape(-1, 1, 1, 1).repeat(3, axis=1) for values in (train, test)]
    return ImageData.from_arrays((images[0], targets), (images[1], [0] * len(test)), [0.5] * 3, [0.5] * 3, "abc")


def test_every_image_has_a_distribution_over_the_classes(data: ImageData) -> None:
    shares = human_labels("digits@cifar10", data, Path("unused")).shares
    assert (shares.dtype, shares.shape) == (torch.float64, (200, 10))
    assert torch.allclose(shares.sum(1), torch.ones(200, dtype=torch.float64), rtol=0, atol=1e-12)
    assert torch.equal((20 * shares).round() / 20, shares)


def test_it_is_what_a_slow_search_gives(data: ImageData) -> None:
    shares = human_labels("digits@cifar10", data, Path("unused")).shares
    for image in range(0, 200, 10):
        assert shares[image].tolist() == pytest.approx(slow_shares(data, image, 20), rel=0, abs=1e-12)


def test_most_neighbours_are_of_the_images_own_class_and_not_all(data: ImageData) -> None:
    own = human_labels("digits@cifar10", data, Path("unused")).shares[torch.arange(200), data.test_targets]
    assert 0.7 < own.mean() < 1
    assert (own < 1).sum() > 20


def test_of_equally_near_images_the_first_count() -> None:
    data = tiny(train=[10, 14, 10, 250, 14], targets=[2, 1, 0, 2, 0], test=[12, 255])
    assert neighbour_shares(data, 2).tolist() == [[0, 0.5, 0.5], [0, 0.5, 0.5]]
    assert neighbour_shares(data, 4)[0].tolist() == [0.5, 0.25, 0.25]


def test_they_are_named_as_stand_ins(data: ImageData) -> None:
    assert "stand-in" in human_labels("digits@cifar10", data, Path("unused")).source


@pytest.mark.parametrize("name", ["cifar100", "digits", "digits@cub"])
def test_no_other_data_set_has_any(name: str, data: ImageData) -> None:
    with pytest.raises(
        UserError, match=f"^dataset={name} has no human labels here; cifar10 has them, digits@cifar10 has"
    ):
        human_labels(name, data, Path("unused"))
