"""Data sets of photographs, made from lists: where their folder is, whether the files are there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from olsrepro.data.dataset import Geometry, PathTable, Photographs
from olsrepro.data.datasets.settings import PhotoSettings
from olsrepro.data.download.manifest import ROOT_VARIABLE, source_of
from olsrepro.settings import UserError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Part = tuple[Sequence[str], Sequence[int] | npt.NDArray[np.int64]]
    """Paths of images, below the data set's folder, and their classes."""

# ImageNet's, in RGB of [0, 1]: the authors' code has them for all five sets.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_SHOWN = 3  # of many names


def folder_of(name: str, root: Path) -> Path:
    """Find the folder of a data set; :class:`UserError` if it isn't there."""
    folder = root / source_of(name).folder
    if not folder.is_dir():
        raise UserError(
            f"{name} is not here: no folder {folder}; run `olsrepro data fetch {name}`, "
            f"or set {ROOT_VARIABLE} to the folder that holds {folder.name}"
        )
    return folder


def photographs(
    settings: PhotoSettings, folder: Path, train: Part, test: Part, class_names: Iterable[str]
) -> Photographs:
    """Build the data set of images below ``folder``."""
    import torch

    return Photographs(
        root=folder,
        train_paths=PathTable(train[0]),
        train_targets=torch.as_tensor(train[1], dtype=torch.int64),
        test_paths=PathTable(test[0]),
        test_targets=torch.as_tensor(test[1], dtype=torch.int64),
        mean=torch.tensor(_MEAN),
        std=torch.tensor(_STD),
        class_names=tuple(class_names),
        geometry=Geometry(settings.image_size, settings.resize, settings.resized_to),
    )


def listed_photographs(
    settings: PhotoSettings, folder: Path, train: Part, test: Part, class_names: Iterable[str]
) -> Photographs:
    """Build the data set of images that lists name, and refuse it if any are missing.

    Raises:
        UserError: some of their files aren't there; the message has the first of them.
    """
    listed = [*train[0], *test[0]]
    if missing := absent(folder, listed):
        raise UserError(
            f"{settings.name} is incomplete: {folder} lacks {len(missing)} of the {len(listed)} images in its lists: "
            f"{shown(missing)}; run `olsrepro data fetch {settings.name}`"
        )
    return photographs(settings, folder, train, test, class_names)


def absent(folder: Path, paths: Iterable[str]) -> list[str]:
    """List the paths below ``folder`` that don't exist, in their order; each folder is read once."""
    there: dict[str, frozenset[str]] = {}
    missing = []
    for path in paths:
        parent, _, name = path.rpartition("/")
        if parent not in there:
            there[parent] = _names_in(folder / parent)
        if name not in there[parent]:
            missing.append(path)
    return missing


def _names_in(folder: Path) -> frozenset[str]:
    try:
        return frozenset(os.listdir(folder))
    except OSError:
        return frozenset()


def shown(names: Sequence[str]) -> str:
    """Format the first names for a message, and how many more there are."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
