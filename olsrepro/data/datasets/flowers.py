"""Flowers-102 (Nilsback & Zisserman 2008), by the image numbers in ``setid.mat``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from olsrepro.data.dataset import Photographs
from olsrepro.data.datasets.formats.image_list import folder_of, listed_photographs
from olsrepro.data.datasets.formats.lists import matlab, whole_numbers
from olsrepro.data.datasets.settings import FlowersSettings

if TYPE_CHECKING:
    from olsrepro.data.datasets.formats.image_list import Part

NAMES = ("flowers",)


def read(settings: FlowersSettings, root: Path) -> Photographs:
    """Read ``trnid``, with ``valid`` after it where ``settings.train`` says so, and ``tstid``, in the file's order.

    Classes are named by their official numbers: the files have no other names.

    Raises:
        UserError: files are missing or damaged.
    """
    folder = folder_of(settings.name, root)
    labels_file, split_file = folder / "imagelabels.mat", folder / "setid.mat"
    labels = whole_numbers(labels_file, matlab(labels_file, "labels")[0], 1, settings.num_classes)

    def part(*lists: str) -> Part:
        found = [whole_numbers(split_file, ids, 1, len(labels)) for ids in matlab(split_file, *lists)]
        numbers = [number for ids in found for number in ids]
        return [f"jpg/image_{number:05d}.jpg" for number in numbers], [labels[number - 1] - 1 for number in numbers]

    names = [str(label) for label in range(1, max(labels) + 1)]
    return listed_photographs(settings, folder, part(*settings.train.split("+")), part("tstid"), names)
