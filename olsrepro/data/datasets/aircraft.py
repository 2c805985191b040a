"""FGVC-Aircraft (Maji et al. 2013): 100 variants, or the 90 classes that the authors' lists make of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from olsrepro.data.dataset import Photographs
from olsrepro.data.datasets.formats.image_list import folder_of, listed_photographs
from olsrepro.data.datasets.formats.lists import known_values, lines
from olsrepro.data.datasets.settings import AircraftSettings

if TYPE_CHECKING:
    from olsrepro.data.datasets.formats.image_list import Part

NAMES = ("aircraft",)


def read(settings: AircraftSettings, root: Path) -> Photographs:
    """Read ``trainval`` and ``test`` in the order of their lists; classes in that of ``variants.txt``.

    Raises:
        UserError: files are missing, or a list is damaged: its file and line.
    """
    folder = folder_of(settings.name, root) / "data"
    variants = [line for _, line in lines(folder / "variants.txt")]
    class_of = _CLASS_OF[settings.labels]
    names = list(dict.fromkeys(map(class_of, variants)))

    def part(file: str) -> Part:
        listed = known_values(folder / file, variants)
        return [f"images/{key}.jpg" for key in listed], [names.index(class_of(e.value)) for e in listed.values()]

    return listed_photographs(
        settings, folder, part("images_variant_trainval.txt"), part("images_variant_test.txt"), names
    )


def first_word(variant: str) -> str:
    """Return the class of a variant in the authors' lists: BAE 146-200 and BAE 146-300 are both BAE."""
    return variant.split()[0]


_CLASS_OF: Mapping[str, Callable[[str], str]] = {"authors_90": first_word, "official_100": str}
