"""A data set whose photographs lie in files: which they are, and what they are resized to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor


class PathTable(Sequence[str]):
    """Paths of many files in two arrays, so that processes that share them copy none.

    A list of a million strings would be copied page by page into every worker, by the mere counting of references.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        encoded = [path.encode("utf-8", "surrogateescape") for path in paths]
        self._bytes = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        self._ends: npt.NDArray[np.int64] = np.cumsum([0, *map(len, encoded)], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        at = range(len(self))[index]
        return self._bytes[self._ends[at] : self._ends[at + 1]].tobytes().decode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Geometry:
    """What an image becomes: ``side`` pixels square, cut out of one resized to ``resized_to``.

    ``resize`` is ``square`` (both sides, the aspect ratio is lost) or ``short_side``.
    """

    side: int
    resize: str
    resized_to: int


@dataclass(frozen=True)
class Photographs:
    """Training and test set as files.

    Attributes:
        root: the folder that the paths start from.
        train_paths, test_paths: of the images.
        train_targets, test_targets: int64 (N,), true classes.
        mean, std: float32 (3,), of pixels scaled to [0, 1].
        class_names: one for each class.
        geometry: what a test makes of an image.
        unreadable: paths of images that were left out, for they can't be decoded.
    """

    root: Path
    train_paths: PathTable
    train_targets: Tensor
    test_paths: PathTable
    test_targets: Tensor
    mean: Tensor
    std: Tensor
    class_names: tuple[str, ...]
    geometry: Geometry
    unreadable: tuple[str, ...] = ()
