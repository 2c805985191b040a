"""Tiny sets in PASCAL VOC's layout."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import photo_files
from PIL import Image

from olsrepro.data.dataset import DetectionSet
from olsrepro.data.datasets.settings import VocSettings
from olsrepro.data.registry import read_dataset

SIZES = ((120, 90), (80, 110), (64, 64), (150, 60))  # width, height in pixels, in turn


class Item(NamedTuple):
    """An object as VOC writes one: edges xmin, ymin, xmax, ymax from 1 on, the last inside."""

    name: str
    edges: tuple[float, float, float, float]
    difficult: int = 0


def annotation(width: float, height: float, items: Sequence[Item], name: str = "000001") -> str:
    """As the published ones are, with the parts of a person and fields that nobody reads."""
    parts = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"
    objects = "".join(
        f"<object><name>{item.name}</name><difficult>{item.difficult}</difficult><bndbox>"
        + "".join(
            f"<{key}>{value}</{key}>" for key, value in zip(("xmin", "ymin", "xmax", "ymax"), item.edges, strict=True)
        )
        + f"</bndbox>{parts if item.name == 'person' else ''}</object>"
        for item in items
    )
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    return f"<annotation><filename>{name}.jpg</filename>{size}{objects}</annotation>"


def items_of(number: int) -> list[Item]:
    """Of image ``number``: none, one or two objects, every second of them difficult in each fifth image."""
    width, height = SIZES[number % len(SIZES)]
    first = Item("dog", (3 + number, 5, 20 + number, 30), difficult=int(number % 5 == 4))
    second = Item("person", (width // 2, height // 2, width, height - 3))
    return [[first], [first, second], [], [second]][number % 4]


def put(year: Path, name: str, size: tuple[int, int], items: Sequence[Item], number: int = 0) -> None:
    """One image with its annotation."""
    for folder in ("JPEGImages", "Annotations"):
        (year / folder).mkdir(parents=True, exist_ok=True)
    path = year / "JPEGImages" / f"{name}.jpg"
    path.write_bytes(photo_files.photograph(number, "wide"))
    with Image.open(path) as image:
        image.resize(size).save(path)
    (year / "Annotations" / f"{name}.xml").write_text(annotation(*size, items, name))


def put_list(year: Path, part: str, names: Sequence[str]) -> None:
    """A list of images; the published ones have blanks at the ends of some lines."""
    (year / "ImageSets" / "Main").mkdir(parents=True, exist_ok=True)
    (year / "ImageSets" / "Main" / f"{part}.txt").write_text("".join(f"{name} \n" for name in names))


def write(root: Path, train_2007: int = 4, train_2012: int = 3, test: int = 5) -> VocSettings:
    """A set below ``root`` of so many images, and the settings that it agrees with."""
    number = 0
    for folder, part, count in (
        ("VOC2007", "trainval", train_2007),
        ("VOC2012", "trainval", train_2012),
        ("VOC2007", "test", test),
    ):
        year = root / "VOCdevkit" / folder
        names = [f"{number + place:06d}" if folder == "VOC2007" else f"2012_{place:06d}" for place in range(count)]
        for name in names:
            put(year, name, SIZES[number % len(SIZES)], items_of(number), number)
            number += 1
        put_list(year, part, names)
    return VocSettings("voc", 20, train_2007 + train_2012, test, 416)


def small_voc(root: Path, train_2007: int = 4, train_2012: int = 3, test: int = 5) -> DetectionSet:
    """Such a set, read."""
    return read_dataset(write(root, train_2007, train_2012, test), root)


def pack(root: Path, into: Path) -> list[Path]:
    """The three archives, of their official names, that a set written below ``root`` comes in."""
    into.mkdir(parents=True, exist_ok=True)
    found = []
    for file, year, part in (
        ("VOCtrainval_06-Nov-2007.tar", "VOC2007", "trainval"),
        ("VOCtest_06-Nov-2007.tar", "VOC2007", "test"),
        ("VOCtrainval_11-May-2012.tar", "VOC2012", "trainval"),
    ):
        listed = f"VOCdevkit/{year}/ImageSets/Main/{part}.txt"
        names = (root / listed).read_text().split()
        with tarfile.open(into / file, "w") as archive:
            archive.add(root / listed, listed)
            for name in names:
                for path in (f"JPEGImages/{name}.jpg", f"Annotations/{name}.xml"):
                    archive.add(root / "VOCdevkit" / year / path, f"VOCdevkit/{year}/{path}")
        found.append(into / file)
    return found
