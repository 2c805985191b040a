"""PASCAL VOC 2007 and 2012 (Everingham et al. 2010): trained on both years' trainval, tested on 2007's test set."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from olsrepro.data.dataset import DetectionSet, PathTable
from olsrepro.data.datasets.formats.image_list import absent, folder_of, shown
from olsrepro.data.datasets.formats.lists import damaged, lines
from olsrepro.data.datasets.formats.voc_annotations import read_annotation
from olsrepro.data.datasets.settings import VocSettings
from olsrepro.data.objects import Annotated, Objects
from olsrepro.settings import UserError

NAMES = ("voc",)

CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
TRAIN = (("VOC2007", "trainval"), ("VOC2012", "trainval"))
TEST = (("VOC2007", "test"),)

_ID = re.compile(r"\w+")


def read(settings: VocSettings, root: Path) -> DetectionSet:
    """Read both parts in the order of their lists, 2007 before 2012; classes in VOC's order, which is alphabetical.

    Difficult objects are left out of the training set; in the test set they are marked. An image without objects stays.
    The annotations are read one by one, some seconds for all 21,503.

    Raises:
        UserError: files are missing or damaged; see also :func:`.formats.voc_annotations.read_annotation`.
    """
    return read_devkit(folder_of(settings.name, root), CLASSES, f"run `olsrepro data fetch {settings.name}`")


def read_devkit(folder: Path, class_names: Sequence[str], remedy: str) -> DetectionSet:
    """Read VOC's layout below ``folder``: ``VOC2007/{ImageSets/Main,Annotations,JPEGImages}``, the same for 2012.

    ``remedy`` says what to do if files are missing.
    """
    train, test = (_listed(folder, lists) for lists in (TRAIN, TEST))
    _refuse_gaps(folder, [*train, *test], remedy)
    classes = {name: place for place, name in enumerate(class_names)}
    taught = [[item for item in _objects(folder, image, classes) if not item.is_difficult] for image in train]
    return DetectionSet(
        root=folder,
        train_paths=PathTable([_photograph(image) for image in train]),
        train_objects=Objects.listed(taught),
        test_paths=PathTable([_photograph(image) for image in test]),
        test_objects=Objects.listed([_objects(folder, image, classes) for image in test]),
        class_names=tuple(class_names),
    )


Image = tuple[str, str]
"""Folder of a year, and an image's id."""


def _photograph(image: Image) -> str:
    return f"{image[0]}/JPEGImages/{image[1]}.jpg"


def _annotation(image: Image) -> str:
    return f"{image[0]}/Annotations/{image[1]}.xml"


def _listed(folder: Path, lists: Sequence[tuple[str, str]]) -> list[Image]:
    found: dict[Image, None] = {}
    for year, part in lists:
        path = folder / year / "ImageSets" / "Main" / f"{part}.txt"
        for number, line in lines(path):
            if not _ID.fullmatch(line):
                raise damaged(f"{path}, line {number}", f"{line!r} is not an image's id")
            if (year, line) in found:
                raise damaged(f"{path}, line {number}", f"{line} is listed already")
            found[(year, line)] = None
    return list(found)


def _refuse_gaps(folder: Path, images: Sequence[Image], remedy: str) -> None:
    for what, of in (("photographs", _photograph), ("annotations", _annotation)):
        if missing := absent(folder, map(of, images)):
            raise UserError(
                f"{folder} is incomplete: it lacks {len(missing)} of the {len(images)} {what} of its listed images: "
                f"{shown(missing)}; {remedy}"
            )


def _objects(folder: Path, image: Image, classes: Mapping[str, int]) -> list[Annotated]:
    return read_annotation(folder / _annotation(image), classes)
