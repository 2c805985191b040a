"""scikit-learn's hand-written digits: 1797 grey images of 8 x 8 pixels, with no download."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from olsrepro.data.images import ImageData

if TYPE_CHECKING:
    Integers = npt.NDArray[np.int64]

NAMES = ("digits",)

TEST_SIZE = 360
_SPLIT_SEED = 0


def read(name: str, root: Path) -> ImageData:
    """The digits, split 1437 / 360 once and for all; ``root`` isn't used.

    Values 0 .. 16 become (255 v + 8) // 16, so 0 .. 255, in three equal channels. Mean and sd are those of the training
    part.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = _as_bytes(digits.images)
    targets = digits.target.astype(np.int64)
    train, test = split(targets)
    pixels = images[train, 0] / 255
    return ImageData.from_arrays(
        (images[train], targets[train]),
        (images[test], targets[test]),
        [pixels.mean()] * 3,
        [pixels.std()] * 3,
        [str(digit) for digit in digits.target_names],
    )


def _as_bytes(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    grey = ((255 * values.astype(np.int64) + 8) // 16).astype(np.uint8)
    return np.repeat(grey[:, None], 3, axis=1)


def split(targets: Integers, test_size: int = TEST_SIZE) -> tuple[Integers, Integers]:
    """Indices of the training and the test part, in rising order; the classes keep their shares in both.

    Within a class the test part is the samples with the smallest addressed random numbers.
    """
    place_in_class = _place_in_class(targets)
    in_test = place_in_class < _test_counts(np.bincount(targets), test_size)[targets]
    return np.flatnonzero(~in_test), np.flatnonzero(in_test)


def _test_counts(class_sizes: Integers, test_size: int) -> Integers:
    """How many of each class are tested on: the largest remainders round up."""
    counts, remainders = np.divmod(class_sizes * test_size, class_sizes.sum())
    counts[np.argsort(-remainders, kind="stable")[: test_size - counts.sum()]] += 1
    return counts


def _place_in_class(targets: Integers) -> Integers:
    """Each sample's place, from 0, in a random order of its class."""
    from olsrepro.randomness import address, permutation

    order = permutation(address(_SPLIT_SEED, "digits_split"), len(targets)).numpy()
    by_class = order[np.argsort(targets[order], kind="stable")]
    sizes = np.bincount(targets)
    places = np.empty_like(targets)
    places[by_class] = np.arange(len(targets)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return places
