"""A small set of photographs of all kinds that are met, in files."""

from __future__ import annotations

from pathlib import Path

import torch
from photo_files import photograph
from torchvision import transforms

from olsrepro.data.dataset import Geometry, PathTable, Photographs

SQUARE = Geometry(side=32, resize="square", resized_to=40)
SHORT_SIDE = Geometry(side=32, resize="short_side", resized_to=40)
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
CLASSES = 3


def small_photographs(folder: Path, geometry: Geometry = SQUARE, *, train: int = 20, test: int = 7) -> Photographs:
    """Written below a folder; of three classes, round about."""
    root = folder / "photos of mine"
    counts = {"train": train, "test": test}
    paths = {split: [f"{split}/{number}.jpg" for number in range(count)] for split, count in counts.items()}
    for start, split in enumerate(paths):
        (root / split).mkdir(parents=True)
        for number, path in enumerate(paths[split]):
            (root / path).write_bytes(photograph(1000 * start + number))
    return Photographs(
        root,
        PathTable(paths["train"]),
        torch.arange(train) % CLASSES,
        PathTable(paths["test"]),
        torch.arange(test) % CLASSES,
        MEAN,
        STD,
        tuple("abc"),
        geometry,
    )


def resize_of(geometry: Geometry) -> transforms.Resize:
    """torchvision's first transform."""
    side = geometry.resized_to
    return transforms.Resize((side, side) if geometry.resize == "square" else side)
