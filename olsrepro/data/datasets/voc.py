"""PASCAL VOC 2007 and 2012 (Everingham et al. 2010): trained on both years' trainval, tested on 2007's test set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from olsrepro.data.dataset import DetectionSet, PathTable
from olsrepro.data.datasets.formats.image_list import absent, folder_of, refuse_faulty_lists, shown
from olsrepro.data.datasets.formats.lists import damaged, lines
from olsrepro.data.datasets.formats.voc_annotations import Annotation, read_annotation
from olsrepro.data.datasets.settings import VocSettings
from olsrepro.data.objects import Objects
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
    The annotations are read one by one, some seconds for all 21,503; no photograph is opened, so that their sizes are
    those that the annotations state.

    Raises:
        UserError: files are missing or damaged; see also :func:`.formats.voc_annotations.read_annotation`.
    """
    return read_devkit(folder_of(settings.name, root), CLASSES, f"run `olsrepro data fetch {settings.name}`")


def read_devkit(folder: Path, class_names: Sequence[str], remedy: str) -> DetectionSet:
    """Read VOC's layout below ``folder``: ``VOC2007/{ImageSets/Main,Annotations,JPEGImages}``, the same for 2012.

    ``remedy`` says what to do if files are missing.
    """
    train, test = (_listed(folder, lists) for lists in (TRAIN, TEST))
    train_paths, test_paths = ([_photograph(image) for image in images] for images in (train, test))
    refuse_faulty_lists(folder, train_paths, test_paths)
    _refuse_gaps(folder, [*train, *test], remedy)
    taught, tested = (_annotations(folder, images, class_names) for images in (train, test))
    return DetectionSet(
        root=folder,
        train_paths=PathTable(train_paths),
        train_objects=Objects.listed([[item for item in one.objects if not item.is_difficult] for one in taught]),
        train_sizes=np.array([one.size for one in taught]).reshape(-1, 2),
        test_paths=PathTable(test_paths),
        test_objects=Objects.listed([one.objects for one in tested]),
        test_sizes=np.array([one.size for one in tested]).reshape(-1, 2),
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


def _annotations(folder: Path, images: Sequence[Image], class_names: Sequence[str]) -> list[Annotation]:
    classes = {name: place for place, name in enumerate(class_names)}
    return [read_annotation(folder / _annotation(image), classes) for image in images]
