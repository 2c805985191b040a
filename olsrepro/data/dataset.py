"""What a data set is, as it was read: in memory, as photographs with a class each, or as photographs with objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from olsrepro.data.objects import Objects

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor

    Pixels = npt.NDArray[Any]


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
class ImageData:
    """Training and test set on the CPU.

    Attributes:
        train_images, test_images: uint8 (N, 3, H, W).
        train_targets, test_targets: int64 (N,), true classes.
        mean, std: float32 (3,), of pixels scaled to [0, 1].
        class_names: one for each class.
    """

    train_images: Tensor
    train_targets: Tensor
    test_images: Tensor
    test_targets: Tensor
    mean: Tensor
    std: Tensor
    class_names: tuple[str, ...]

    @classmethod
    def from_arrays(
        cls,
        train: tuple[Pixels, Sequence[int] | Pixels],
        test: tuple[Pixels, Sequence[int] | Pixels],
        mean: Sequence[float],
        std: Sequence[float],
        class_names: Sequence[str],
    ) -> ImageData:
        """From NumPy: ``train`` and ``test`` are (uint8 images (N, 3, H, W), integer targets (N,))."""
        import torch

        def tensors(images: Pixels, targets: Sequence[int] | Pixels) -> tuple[Tensor, Tensor]:
            return torch.tensor(images, dtype=torch.uint8), torch.tensor(targets, dtype=torch.int64)

        def constants(values: Sequence[float]) -> Tensor:
            return torch.tensor(values, dtype=torch.float32)

        return cls(*tensors(*train), *tensors(*test), constants(mean), constants(std), tuple(class_names))


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


Data = ImageData | Photographs
"""Images of one class each."""
