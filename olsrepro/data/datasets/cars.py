"""Stanford Cars (Krause et al. 2013) in either of the two forms that it was published in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from olsrepro.data.dataset import Photographs
from olsrepro.data.datasets.formats.image_list import folder_of, listed_photographs
from olsrepro.data.datasets.formats.lists import annotated, matlab, whole_numbers
from olsrepro.data.datasets.settings import CarsSettings
from olsrepro.settings import UserError

if TYPE_CHECKING:
    from olsrepro.data.datasets.formats.image_list import Part

NAMES = ("cars",)

_ALL = "cars_annos.mat"
_NAMES, _TRAIN, _TEST = "devkit/cars_meta.mat", "devkit/cars_train_annos.mat", "cars_test_annos_withlabels.mat"
_MARKS = {"car_ims": _ALL, "cars_train": _TRAIN}  # a file that only this packaging has


def read(settings: CarsSettings, root: Path) -> Photographs:
    """Read both parts in the order of the packaging's annotations; classes in that of ``class_names``.

    Raises:
        UserError: files are missing or damaged, or another packaging than ``settings.packaging`` is there.
    """
    folder = folder_of(settings.name, root)
    _check_packaging(folder, settings.packaging)
    names, train, test = {"car_ims": _car_ims, "cars_train": _cars_train}[settings.packaging](folder)
    return listed_photographs(settings, folder, train, test, names)


def _check_packaging(folder: Path, packaging: str) -> None:
    there = [name for name, file in _MARKS.items() if (folder / file).is_file()]
    if there and packaging not in there:
        raise UserError(
            f"dataset.packaging={packaging} needs {_MARKS[packaging]}, which is not in {folder}; {there[0]} is there: "
            f"set dataset.packaging={there[0]}"
        )


def _car_ims(folder: Path) -> tuple[list[str], Part, Part]:
    """Read class names and both parts of the authors' packaging: one list, with a flag for each test image."""
    file = folder / _ALL
    names = _names(file)
    paths, classes, flags = annotated(file, "relative_im_path", "class", "test")
    targets, is_test = _targets(file, classes, names), whole_numbers(file, flags, 0, 1)

    def part(flag: int) -> Part:
        chosen = [place for place, found in enumerate(is_test) if found == flag]
        return [str(paths[place]) for place in chosen], [targets[place] for place in chosen]

    return names, part(0), part(1)


def _cars_train(folder: Path) -> tuple[list[str], Part, Part]:
    """Read class names and both parts of the packaging that torchvision reads: a folder and a list for each."""
    names = _names(folder / _NAMES)

    def part(images: str, file: Path) -> Part:
        files, classes = annotated(file, "fname", "class")
        return [f"{images}/{name}" for name in files], _targets(file, classes, names)

    return names, part("cars_train", folder / _TRAIN), part("cars_test", folder / _TEST)


def _names(file: Path) -> list[str]:
    return [str(name) for name in np.atleast_1d(matlab(file, "class_names")[0])]


def _targets(file: Path, classes: Sequence[object], names: Sequence[str]) -> list[int]:
    return [number - 1 for number in whole_numbers(file, classes, 1, len(names))]
