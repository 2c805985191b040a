"""ImageNet, ILSVRC 2012 (Russakovsky et al. 2015): a folder for each class below ``train`` and ``val``."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from olsrepro.data.dataset import Photographs
from olsrepro.data.datasets.formats.image_list import folder_of, listed_twice, photographs, shown
from olsrepro.data.datasets.formats.lists import damaged, entries
from olsrepro.data.datasets.settings import PhotoSettings
from olsrepro.data.download.image_names import is_image, is_image_folder
from olsrepro.files.plain_json import parse
from olsrepro.files.shape import TEXT, Each
from olsrepro.settings import UserError

if TYPE_CHECKING:
    from olsrepro.data.datasets.formats.image_list import Part

NAMES = ("imagenet",)

NAMES_FILE = "classes.json"  # which `olsrepro data fetch` writes
_KAGGLE_NAMES_FILE = "LOC_synset_mapping.txt"
_WNID = re.compile(r"n\d{8}")
_NAMES = Each(TEXT)
_OFFICIAL = re.compile(r"(n\d{8})_\d+|ILSVRC2012_val_\d+")  # how the names of images begin, of which each is given once

Folders = Mapping[str, list[str]]
"""File names of the images in each class folder; both in rising order."""


def read(settings: PhotoSettings, root: Path) -> Photographs:
    """Read classes in the order of their wnids, the images of each in the order of their file names.

    Raises:
        UserError: class folders are missing, empty, or not those of the list of classes, where there is one; or images
            lie in the folder of another class, or in two.
    """
    folder = folder_of(settings.name, root)
    names = _known_names(folder)
    train, test = _listed(folder / "train"), _listed(folder / "val")
    expected = sorted(names or {*train, *test})
    _check_classes(folder / "train", train, expected, settings.num_classes)
    _check_classes(folder / "val", test, expected, settings.num_classes)
    (train_paths, _), (test_paths, _) = parts = _part("train", train), _part("val", test)
    _refuse_misplaced(folder, train_paths, test_paths)
    class_names = [names.get(wnid, wnid) for wnid in expected]
    return photographs(settings, folder, *parts, class_names)


def _listed(folder: Path) -> Folders:
    """List the images of a split, by the ending of their names alone; no file is opened."""
    try:
        with os.scandir(folder) as found:
            classes = sorted(item.name for item in found if item.is_dir() and is_image_folder(item.name))
        _refuse_strays(folder, classes)
        return {name: _images(folder / name) for name in classes}
    except OSError as error:
        raise UserError(
            f"imagenet is incomplete: {error.filename} can't be read: {error.strerror}; "
            "run `olsrepro data fetch imagenet`"
        ) from None


def _refuse_strays(folder: Path, classes: list[str]) -> None:
    if strays := [name for name in classes if not _WNID.fullmatch(name)]:
        raise UserError(
            f"{folder} has folders that are not classes: {shown(strays)}; a class is named like n01440764: move them"
        )


def _images(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if is_image(name))


def _check_classes(folder: Path, found: Folders, expected: list[str], num_classes: int) -> None:
    if missing := [wnid for wnid in expected if wnid not in found]:
        raise UserError(f"{folder} has no folders for the classes {shown(missing)}; run `olsrepro data fetch imagenet`")
    if strays := [wnid for wnid in found if wnid not in expected]:
        raise UserError(f"{folder} has folders of classes that are not in the list: {shown(strays)}; move them")
    if empty := [wnid for wnid, images in found.items() if not images]:
        raise UserError(f"{folder} has empty folders: {shown(empty)}; run `olsrepro data fetch imagenet`")
    if len(found) != num_classes:
        raise UserError(f"{folder} has {len(found)} class folders instead of {num_classes}; unpack the others too")


def _part(split: str, folders: Folders) -> Part:
    paths = [f"{split}/{wnid}/{name}" for wnid, names in folders.items() for name in names]
    return paths, np.repeat(np.arange(len(folders)), [len(names) for names in folders.values()])


def _refuse_misplaced(folder: Path, train: Sequence[str], test: Sequence[str]) -> None:
    """Refuse an image whose official name is that of another class, or is there twice; other names say nothing."""
    if wrong := [path for path in train if _class_in(path) not in (None, path.split("/")[1])]:
        raise UserError(
            f"{folder} has images in the folder of another class than their names say: {shown(wrong)}; move them"
        )
    if twice := listed_twice(train, test, _image_of):
        raise UserError(f"{folder} has images twice: {shown(twice)}; remove what doesn't belong there")


def _class_in(path: str) -> str | None:
    """Return the wnid that the name of an image begins with, if it is an official one for training."""
    official = _OFFICIAL.match(path.rpartition("/")[2])
    return official[1] if official else None


def _image_of(path: str) -> str:
    official = _OFFICIAL.match(path.rpartition("/")[2])
    return official[0] if official else path


def _known_names(folder: Path) -> dict[str, str]:
    """Read the name of each class by its wnid, from our file or Kaggle's; empty where there is neither."""
    if (folder / NAMES_FILE).is_file():
        return _names_of_json(folder / NAMES_FILE)
    if (folder / _KAGGLE_NAMES_FILE).is_file():
        found = entries(folder / _KAGGLE_NAMES_FILE)
        return {wnid: entry.value.partition(",")[0] for wnid, entry in found.items()}
    return {}


def _names_of_json(path: Path) -> dict[str, str]:
    try:
        names = parse(path.read_bytes())
    except (OSError, ValueError) as error:
        raise damaged(path, f"it can't be read ({error})") from None
    if not _NAMES.fits(names):
        raise damaged(path, "it does not give each wnid a name")
    return dict(names)
