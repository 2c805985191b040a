"""Stand-ins made of scikit-learn's digits: some classes and few images, both drawn from the stand-in's name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from olsrepro.data.dataset import ImageData
from olsrepro.data.datasets.digits import all_digits, image_data, split
from olsrepro.data.download.manifest import SOURCES, source_of
from olsrepro.data.settings import DatasetSettings
from olsrepro.data.stand_in import is_of_digits

if TYPE_CHECKING:
    Integers = npt.NDArray[np.int64]
    Images = npt.NDArray[np.uint8]

NAMES = tuple(filter(is_of_digits, SOURCES))

_DRAW_SEED = 0


def read(settings: DatasetSettings, root: Path) -> ImageData:
    """Draw as many classes and images as the manifest says, ``settings.image_size`` pixels wide; ``root`` isn't used.

    Classes keep their shares in both parts.
    """
    source = source_of(settings.name)
    images, digits = all_digits()
    classes = drawn_classes(settings.name, source.num_classes)
    pool = np.flatnonzero(np.isin(digits, classes))
    targets = np.searchsorted(classes, digits[pool])
    rest, test = split(targets, source.test_size, f"{settings.name} test")
    train = rest[split(targets[rest], source.train_size, f"{settings.name} train")[1]]

    def part(chosen: Integers) -> tuple[Images, Integers]:
        return resized(images[pool[chosen]], settings.image_size), targets[chosen]

    return image_data(part(train), part(test), classes)


def drawn_classes(name: str, count: int) -> Integers:
    """Draw the digits that are the classes of a stand-in, in rising order."""
    from olsrepro.randomness import address, permutation

    return np.sort(permutation(address(_DRAW_SEED, f"{name} classes"), 10).numpy()[:count])


def resized(images: Images, side: int) -> Images:
    """Scale square images (N, C, h, h) to (N, C, side, side): pixel (y, x) is the one at floor((y, x) h / side)."""
    nearest = np.arange(side) * images.shape[-1] // side
    return images[..., nearest[:, None], nearest]
