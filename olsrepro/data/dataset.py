"""Data sets as they are read: images in memory, photographs with a class each, photographs with objects."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from olsrepro.data.objects import Objects

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor
    from typing_extensions import Self

    Pixels = npt.NDArray[Any]

Size = tuple[float, float]
"""Width and height of an image in pixels."""


class PathTable(Sequence[str]):
    """Paths of many files in two arrays, so that processes that share them copy none.

    A list of a million strings would be copied page by page into every worker, as counting references writes to it.
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

    def rows_without(self, paths: Container[str]) -> list[int]:
        """Return the rows whose paths are none of these, in rising order."""
        return [row for row, path in enumerate(self) if path not in paths]

    def chosen(self, rows: Sequence[int]) -> PathTable:
        """Return the table of some rows, in this order."""
        return PathTable([self[row] for row in rows])


def digest(*parts: Tensor | bytes) -> str:
    """Compute the SHA-256 of tensors on any device, and of bytes, one after another, in hex."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part if isinstance(part, bytes) else _content(part))
    return found.hexdigest()


def _content(tensor: Tensor) -> bytes:
    import torch

    plain = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8)
    return f"{tensor.dtype} {tuple(tensor.shape)} ".encode() + plain.numpy().tobytes()


def _names_and_sizes(root: Path, paths: Sequence[str]) -> Iterator[bytes]:
    for path in paths:
        yield f"{path}\0{(root / path).stat().st_size}\n".encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Geometry:
    """Size of an image: ``side`` pixels square, cut out of one resized to ``resized_to``.

    ``resize`` is ``square`` (both sides, the aspect ratio is lost) or ``short_side``.
    """

    side: int
    resize: str
    resized_to: int


class Dataset(ABC):
    """Training and test set: what every task needs of them, to which subclasses add.
    Attributes:
        class_names: one for each class.
    """

    class_names: tuple[str, ...]

    @property
    @abstractmethod
    def train_size(self) -> int:
        """Number of images in the training set."""

    @property
    @abstractmethod
    def test_size(self) -> int:
        """Number of images in the test set."""

    @property
    @abstractmethod
    def classes(self) -> Tensor:
        """Classes in the training set, int64 (M,): one per image, or one per object."""

    def facts(self) -> dict[str, object]:
        """Return facts of what was read, by the names that they have in the settings."""
        return {"train_size": self.train_size, "test_size": self.test_size, "num_classes": len(self.class_names)}

    @property
    def files(self) -> tuple[Path, Sequence[str]]:
        """Folder of the image files and their paths in it, training before test; no paths for a set in memory."""
        return Path(), ()

    @abstractmethod
    def digests(self) -> dict[str, str]:
        """Return SHA-256 sums, in hex, of images and labels, by name; of image files, of their names and sizes."""

    @property
    def stated_sizes(self) -> Mapping[str, Size]:
        """Sizes that annotations state of image files, by their paths; empty where there are no annotations."""
        return {}

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Paths of images that were left out because they can't be decoded."""
        return ()

    def without(self, paths: Container[str]) -> Self:
        """Return the data set without some image files, which are listed in its ``unreadable``."""
        return self

    def sample_names(self, samples: Sequence[int]) -> list[str]:
        """Name training samples for a message: by their files, in memory by their indices."""
        return [str(index) for index in samples]


class LabelledImages(Dataset):
    """Images of one class each.

    Attributes:
        train_targets, test_targets: int64 (N,), true classes.
        mean, std: float32 (3,), of pixels scaled to [0, 1].
    """

    train_targets: Tensor
    test_targets: Tensor
    mean: Tensor
    std: Tensor

    @property
    def classes(self) -> Tensor:
        """True classes of the training images, int64 (N,)."""
        return self.train_targets


@dataclass(frozen=True)
class ImageData(LabelledImages):
    """Images of one class each in memory, on the CPU.

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

    @property
    def train_size(self) -> int:
        """Number of images in the training set."""
        return len(self.train_images)

    @property
    def test_size(self) -> int:
        """Number of images in the test set."""
        return len(self.test_images)

    def facts(self) -> dict[str, object]:
        """Return facts of what was read, with the shape of an image."""
        return super().facts() | {"image_size": tuple(self.train_images.shape[1:])}

    def digests(self) -> dict[str, str]:
        """Return SHA-256 sums, in hex, of images and labels, by name."""
        return {
            "the training images": digest(self.train_images),
            "the training labels": digest(self.train_targets),
            "the test images": digest(self.test_images),
            "the test labels": digest(self.test_targets),
        }

    @classmethod
    def from_arrays(
        cls,
        train: tuple[Pixels, Sequence[int] | Pixels],
        test: tuple[Pixels, Sequence[int] | Pixels],
        mean: Sequence[float],
        std: Sequence[float],
        class_names: Sequence[str],
    ) -> ImageData:
        """Build a data set of arrays: ``train`` and ``test`` are (uint8 images (N, 3, H, W), integer targets (N,))."""
        import torch

        def tensors(images: Pixels, targets: Sequence[int] | Pixels) -> tuple[Tensor, Tensor]:
            return torch.tensor(images, dtype=torch.uint8), torch.tensor(targets, dtype=torch.int64)

        def constants(values: Sequence[float]) -> Tensor:
            return torch.tensor(values, dtype=torch.float32)

        return cls(*tensors(*train), *tensors(*test), constants(mean), constants(std), tuple(class_names))


class ImageFiles(Dataset):
    """Images in files of their own.

    Attributes:
        root: the folder that the paths start from.
        train_paths, test_paths: of the images.
    """

    root: Path
    train_paths: PathTable
    test_paths: PathTable

    @property
    def train_size(self) -> int:
        """Number of images in the training set."""
        return len(self.train_paths)

    @property
    def test_size(self) -> int:
        """Number of images in the test set."""
        return len(self.test_paths)

    @property
    def files(self) -> tuple[Path, Sequence[str]]:
        """Folder of the image files and their paths in it, training before test."""
        return self.root, [*self.train_paths, *self.test_paths]

    def digests(self) -> dict[str, str]:
        """Return SHA-256 sums, in hex, of the names and sizes of image files and of their labels, by name."""
        return {
            "the training photographs": digest(*_names_and_sizes(self.root, self.train_paths)),
            "the test photographs": digest(*_names_and_sizes(self.root, self.test_paths)),
            "the labels of photographs": digest(*self._labels()),
        }

    @abstractmethod
    def _labels(self) -> Sequence[Tensor]:
        """Return all labels of training and test set."""

    def without(self, paths: Container[str]) -> Self:
        """Return the data set without some image files, which are listed in its ``unreadable``."""
        train, test = self.train_paths.rows_without(paths), self.test_paths.rows_without(paths)
        left_out = tuple(path for path in self.files[1] if path in paths)
        return replace(  # type: ignore[type-var]  # the classes below are dataclasses
            self,
            train_paths=self.train_paths.chosen(train),
            test_paths=self.test_paths.chosen(test),
            unreadable=(*self.unreadable, *left_out),
            **self._labels_of(train, test),
        )

    @abstractmethod
    def _labels_of(self, train: list[int], test: list[int]) -> Mapping[str, Any]:
        """Return the labels of the images in given rows of the training and test set, by field."""

    def sample_names(self, samples: Sequence[int]) -> list[str]:
        """Name training samples by their files."""
        return [self.train_paths[index] for index in samples]


@dataclass(frozen=True)
class Photographs(ImageFiles, LabelledImages):
    """Photographs of one class each.

    Attributes:
        root: the folder that the paths start from.
        train_paths, test_paths: of the images.
        train_targets, test_targets: int64 (N,), true classes.
        mean, std: float32 (3,), of pixels scaled to [0, 1].
        class_names: one for each class.
        geometry: how a test crops and sizes an image.
        unreadable: paths of images that were left out because they can't be decoded.
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

    def _labels(self) -> Sequence[Tensor]:
        return self.train_targets, self.test_targets

    def _labels_of(self, train: list[int], test: list[int]) -> Mapping[str, Any]:
        return {"train_targets": self.train_targets[train], "test_targets": self.test_targets[test]}


@dataclass(frozen=True)
class DetectionSet(ImageFiles):
    """Photographs with the objects in them.

    Attributes:
        root: the folder that the paths start from.
        train_paths, test_paths: of the images.
        train_objects, test_objects: in these images; difficult ones are in the test set only.
        train_sizes, test_sizes: float64 (N, 2), width and height in pixels that the annotations state.
        class_names: one for each class.
        unreadable: paths of images that were left out because they can't be decoded.
    """

    root: Path
    train_paths: PathTable
    train_objects: Objects
    train_sizes: npt.NDArray[np.float64]
    test_paths: PathTable
    test_objects: Objects
    test_sizes: npt.NDArray[np.float64]
    class_names: tuple[str, ...]
    unreadable: tuple[str, ...] = ()

    @property
    def classes(self) -> Tensor:
        """Classes of the training objects, int64 (M,)."""
        return self.train_objects.classes

    def _labels(self) -> Sequence[Tensor]:
        return *self.train_objects.tensors(), *self.test_objects.tensors()

    @property
    def stated_sizes(self) -> Mapping[str, Size]:
        """Sizes that annotations state of all image files, by their paths."""
        sizes = [*self.train_sizes.tolist(), *self.test_sizes.tolist()]
        return {path: (width, height) for path, (width, height) in zip(self.files[1], sizes, strict=True)}

    def _labels_of(self, train: list[int], test: list[int]) -> Mapping[str, Any]:
        import torch

        return {
            "train_objects": self.train_objects.chosen(torch.tensor(train, dtype=torch.int64)),
            "train_sizes": self.train_sizes[train],
            "test_objects": self.test_objects.chosen(torch.tensor(test, dtype=torch.int64)),
            "test_sizes": self.test_sizes[test],
        }
