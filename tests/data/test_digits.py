"""The digits: their split is the same for ever."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from olsrepro.data.datasets.digits import split
from olsrepro.data.registry import read_dataset
from olsrepro.data.settings import DatasetSettings
from olsrepro.settings import UserError

FROZEN_SPLIT = "acc1da25b9d02a3fbe08a517ebeaf86fe08c64a496636361495804d4dcf694ee"
SETTINGS = DatasetSettings("digits", 10, 1437, 360, 8)


def test_split_is_frozen() -> None:
    train, test = split(load_digits().target.astype(np.int64))
    indices = np.concatenate([train, test])
    assert hashlib.sha256(indices.astype("<i8").tobytes()).hexdigest() == FROZEN_SPLIT
    assert np.array_equal(np.sort(indices), np.arange(1797))


def test_sizes_types_and_strata() -> None:
    data = read_dataset(SETTINGS, Path("unused"))
    assert data.train_images.shape == (1437, 3, 8, 8)
    assert data.test_images.shape == (360, 3, 8, 8)
    assert data.train_images.dtype == torch.uint8
    assert data.train_targets.dtype == torch.int64
    assert data.class_names == tuple("0123456789")
    every = torch.bincount(torch.cat([data.train_targets, data.test_targets]))
    assert (torch.bincount(data.test_targets) - every * 360 / 1797).abs().max() < 1


def test_pixels_are_scaled_and_grey() -> None:
    digits = load_digits()
    train, test = split(digits.target.astype(np.int64))
    data = read_dataset(SETTINGS, Path("unused"))
    exact = torch.from_numpy(digits.images[test]) * 255 / 16
    assert (data.test_images[:, 0] - exact).abs().max() <= 0.5
    assert torch.equal(data.train_images[:, :1].expand(-1, 3, -1, -1), data.train_images)
    assert data.train_images.max() == 255
    assert torch.equal(data.train_targets, torch.from_numpy(digits.target[train]))


def test_constants_are_those_of_the_training_part() -> None:
    data = read_dataset(SETTINGS, Path("unused"))
    pixels = data.train_images.double() / 255
    assert torch.allclose(data.mean.double(), pixels.mean((0, 2, 3)), atol=1e-7)
    assert torch.allclose(data.std.double(), pixels.std((0, 2, 3), correction=0), atol=1e-7)
    assert data.mean.dtype == data.std.dtype == torch.float32


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (DatasetSettings("digits", 10, 1400, 360, 8), "digits was read with train_size 1437 instead of 1400"),
        (DatasetSettings("digits", 9, 1437, 360, 8), "num_classes 10 instead of 9, a class 9"),
        (DatasetSettings("digits", 10, 1437, 360, 16), r"image_size \(3, 8, 8\) instead of \(3, 16, 16\)"),
        (DatasetSettings("digit", 10, 1437, 360, 8), "dataset.name=digit is not known; did you mean digits"),
    ],
)
def test_facts_are_checked(settings: DatasetSettings, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_dataset(settings, Path("unused"))
