"""Stand-in for PASCAL VOC: coloured shapes, drawn by this package into VOC's layout when they are first read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from olsrepro.data.dataset import DetectionSet
from olsrepro.data.datasets.settings import VocSettings
from olsrepro.data.datasets.voc import read_devkit
from olsrepro.data.download.manifest import source_of
from olsrepro.files.archive import staging
from olsrepro.settings import UserError

if TYPE_CHECKING:
    from PIL import Image

    from olsrepro.data.datasets.formats.drawn_shapes import Drawn

NAMES = ("shapes@voc",)

VERSION = 1
"""Version of the drawings; raise it when changing them, and they are drawn again beside the old ones."""

_LISTS = (("VOC2007", "trainval"), ("VOC2012", "trainval"), ("VOC2007", "test"))
_QUALITY = 92  # of the JPEGs


def read(settings: VocSettings, root: Path) -> DetectionSet:
    """Read the drawings, made first if they aren't there (some seconds); half of the training set in each year.

    Raises:
        UserError: they can't be written, or were changed.
    """
    from olsrepro.data.datasets.formats.drawn_shapes import SHAPES

    folder = root / source_of(settings.name).folder / f"v{VERSION}"
    make(settings, folder)
    return read_devkit(folder / "VOCdevkit", tuple(SHAPES), f"remove {folder}, and it will be drawn again")


def make(settings: VocSettings, folder: Path) -> None:
    """Draw the set unless it is there: in full or not at all, by one process while others wait.

    Raises:
        UserError: the folder can't be written.
    """
    if folder.is_dir():
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            if not folder.is_dir():
                with staging(folder.with_name(f".{folder.name}.part")) as stage:
                    _write(settings, stage / "v")
                    os.replace(stage / "v", folder)
    except OSError as error:
        raise UserError(
            f"{settings.name} can't be drawn into {folder}: {error.strerror}; name another one with runtime.data_dir"
        ) from None


def _write(settings: VocSettings, folder: Path) -> None:
    half = settings.train_size // 2
    counts = (half, settings.train_size - half, settings.test_size)
    first = 1
    for (year, part), size in zip(_LISTS, counts, strict=True):
        _write_part(folder / "VOCdevkit" / year, part, range(first, first + size))
        first += size


def _write_part(year: Path, part: str, numbers: Sequence[int]) -> None:
    from olsrepro.data.datasets.formats.drawn_shapes import draw

    for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (year / name).mkdir(parents=True, exist_ok=True)
    ids = [f"{number:06d}" if year.name == "VOC2007" else f"2012_{number:06d}" for number in numbers]
    for number, name in zip(numbers, ids, strict=True):
        image, objects = draw(number)
        image.save(year / "JPEGImages" / f"{name}.jpg", quality=_QUALITY, subsampling=0)
        (year / "Annotations" / f"{name}.xml").write_text(annotation(year.name, f"{name}.jpg", image, objects))
    (year / "ImageSets" / "Main" / f"{part}.txt").write_text("".join(f"{name}\n" for name in ids))


def annotation(year: str, file: str, image: Image.Image, objects: Sequence[Drawn]) -> str:
    """Format the objects of an image as VOC's XML."""
    return (
        f"<annotation>\n\t<folder>{year}</folder>\n\t<filename>{file}</filename>\n"
        f"\t<size><width>{image.width}</width><height>{image.height}</height><depth>3</depth></size>\n"
        f"\t<segmented>0</segmented>\n{''.join(map(_object, objects))}</annotation>\n"
    )


def _object(item: Drawn) -> str:
    edges = "".join(f"<{key}>{value}</{key}>" for key, value in item.edges._asdict().items())
    return (
        f"\t<object><name>{item.shape}</name><pose>Unspecified</pose><truncated>{item.is_truncated:d}</truncated>"
        f"<difficult>{item.is_difficult:d}</difficult><bndbox>{edges}</bndbox></object>\n"
    )
