"""CUB-200-2011 (Wah et al. 2011): birds, by the lists beside the images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from olsrepro.data.dataset import Photographs
from olsrepro.data.datasets.formats.image_list import folder_of, listed_photographs
from olsrepro.data.datasets.formats.lists import entries, values_for
from olsrepro.data.datasets.settings import PhotoSettings

if TYPE_CHECKING:
    from olsrepro.data.datasets.formats.image_list import Part

NAMES = ("cub",)

_IS_TRAIN, _IS_TEST = "1", "0"


def read(settings: PhotoSettings, root: Path) -> Photographs:
    """Read both parts in the order of ``images.txt``, split by ``train_test_split.txt``; classes as in ``classes.txt``.

    Raises:
        UserError: files are missing, or a list is damaged: its file and line.
    """
    folder = folder_of(settings.name, root)
    classes = entries(folder / "classes.txt")
    images = entries(folder / "images.txt")
    class_of = values_for(folder / "image_class_labels.txt", images, classes)
    split = values_for(folder / "train_test_split.txt", images, (_IS_TRAIN, _IS_TEST))
    place = {key: place for place, key in enumerate(classes)}

    def part(side: str) -> Part:
        chosen = [key for key in images if split[key] == side]
        return [f"images/{images[key].value}" for key in chosen], [place[class_of[key]] for key in chosen]

    names = [entry.value for entry in classes.values()]
    return listed_photographs(settings, folder, part(_IS_TRAIN), part(_IS_TEST), names)
