"""A data set for detection: photographs in files, and the objects in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from olsrepro.data.objects import Objects
from olsrepro.data.photographs import PathTable


@dataclass(frozen=True)
class DetectionSet:
    """Training and test set as files.

    Attributes:
        root: the folder that the paths start from.
        train_paths, test_paths: of the images.
        train_objects, test_objects: in these images; difficult ones are in the test set only.
        class_names: one for each class.
        unreadable: paths of images that were left out, for they can't be decoded.
    """

    root: Path
    train_paths: PathTable
    train_objects: Objects
    test_paths: PathTable
    test_objects: Objects
    class_names: tuple[str, ...]
    unreadable: tuple[str, ...] = ()
