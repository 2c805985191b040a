"""scikit-learn's hand-written digits: 1797 grey images of 8 x 8 pixels, with no download."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from olsrepro.data.dataset import ImageData
from olsrepro.data.settings import DatasetSettings

if TYPE_CHECKING:
    Integers = npt.NDArray[np.int64]
    Images = npt.NDArray[np.uint8]

NAMES = ("digits",)

TEST_SIZE = 360
_SPLIT_SEED = 0


def read(settings: DatasetSettings, root: Path) -> ImageData:
    """Return the digits in their fixed split, 1437 / 360; ``root`` isn't used."""
    images, targets = all_digits()
    train, test = ((images[part], targets[part]) for part in split(targets))
    return image_data(train, test, range(10))


@cache
def all_digits() -> tuple[Images, Integers]:
    """Read images (1797, 3, 8, 8) and targets (1797,), once per process; values 0 .. 16 become (255 v + 8) // 16."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = ((255 * digits.images.astype(np.int64) + 8) // 16).astype(np.uint8)
    return np.repeat(grey[:, None], 3, axis=1), digits.target.astype(np.int64)


def image_data(
    train: tuple[Images, Integers], test: tuple[Images, Integers], class_names: Iterable[object]
) -> ImageData:
    """Build a data set of grey images (N, 3, H, W) with targets (N,); mean and sd are those of the training part."""
    pixels = train[0][:, 0] / 255
    return ImageData.from_arrays(train, test, [pixels.mean()] * 3, [pixels.std()] * 3, [*map(str, class_names)])


def split(targets: Integers, test_size: int = TEST_SIZE, purpose: str = "digits_split") -> tuple[Integers, Integers]:
    """Return the indices of the training and the test part, in rising order; the classes keep their shares in both.

    Within a class the test part is the samples with the smallest addressed random numbers, drawn for ``purpose``.
    """
    place_in_class = _place_in_class(targets, purpose)
    in_test = place_in_class < _test_counts(np.bincount(targets), test_size)[targets]
    return np.flatnonzero(~in_test), np.flatnonzero(in_test)


def _test_counts(class_sizes: Integers, test_size: int) -> Integers:
    """Count the test images of each class: the largest remainders round up."""
    counts, remainders = np.divmod(class_sizes * test_size, class_sizes.sum())
    counts[np.argsort(-remainders, kind="stable")[: test_size - counts.sum()]] += 1
    return counts


def _place_in_class(targets: Integers, purpose: str) -> Integers:
    """Draw each sample's place, from 0, in a random order of its class."""
    from olsrepro.randomness import address, permutation

    order = permutation(address(_SPLIT_SEED, purpose), len(targets)).numpy()
    by_class = order[np.argsort(targets[order], kind="stable")]
    sizes = np.bincount(targets)
    places = np.empty_like(targets)
    places[by_class] = np.arange(len(targets)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return places
