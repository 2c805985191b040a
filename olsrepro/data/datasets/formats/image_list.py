"""Data sets of photographs, made from lists: where their folder is, whether the lists and the files fit it."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from olsrepro.data.dataset import Geometry, PathTable, Photographs
from olsrepro.data.datasets.settings import PhotoSettings
from olsrepro.data.download.image_names import is_image_path
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
        UserError: some of their files aren't there, and the message has the first of them; or as
            :func:`refuse_faulty_lists`.
    """
    refuse_faulty_lists(folder, train[0], test[0])
    listed = [*train[0], *test[0]]
    if missing := absent(folder, listed):
        raise UserError(
            f"{settings.name} is incomplete: {folder} lacks {len(missing)} of the {len(listed)} images in its lists: "
            f"{shown(missing)}; run `olsrepro data fetch {settings.name}`"
        )
    return photographs(settings, folder, train, test, class_names)


def refuse_faulty_lists(folder: Path, train: Sequence[str], test: Sequence[str]) -> None:
    """Refuse lists that name a file outside ``folder``, no image, or one image twice: in a part, or in both.

    Raises:
        UserError: with the first few of these paths.
    """
    if outside := [path for path in (*train, *test) if _leaves(path)]:
        raise _faulty(folder, f"name files outside of it: {shown(outside)}")
    if others := [path for path in (*train, *test) if not is_image_path(path)]:
        raise _faulty(folder, f"name files that are no images: {shown(others)}")
    if twice := listed_twice(train, test):
        raise _faulty(folder, f"name images twice: {shown(twice)}")


def _faulty(folder: Path, what: str) -> UserError:
    return UserError(f"the lists in {folder} {what}; they are not the published ones: unpack them again")


def listed_twice(
    train: Iterable[str], test: Iterable[str], image_of: Callable[[str], str] = posixpath.normpath
) -> list[str]:
    """Describe each image that is listed before: its two paths, or its one, and what they are for.

    ``image_of`` names the image that a path leads to: equal names are one image.
    """
    first: dict[str, tuple[str, str]] = {}
    twice = []
    for use, paths in (("training", train), ("testing", test)):
        for path in paths:
            if (image := image_of(path)) in first:
                before, use_before = first[image]
                again = "again" if before == path else path
                twice.append(f"{before} for {use_before} and {again} for {use}")
            else:
                first[image] = (path, use)
    return twice


def _leaves(path: str) -> bool:
    """Tell whether a path leads out of the folder that it starts from."""
    return posixpath.normpath(path).split("/")[0] in ("", "..")


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
