"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009) from the published pickles, in torchvision's layout."""

from __future__ import annotations

import hashlib
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from olsrepro.data.dataset import ImageData
from olsrepro.data.download.manifest import ROOT_VARIABLE, source_of
from olsrepro.data.download.source import Source
from olsrepro.data.settings import DatasetSettings
from olsrepro.settings import UserError

NAMES = ("cifar10", "cifar100")

# CIFAR-10's constants serve both sets in the authors' code.
_MEAN = (125.3 / 255, 123.0 / 255, 113.9 / 255)
_STD = (63.0 / 255, 62.1 / 255, 66.7 / 255)

_PARTS = {
    "cifar10": (tuple(f"data_batch_{i}" for i in range(1, 6)), ("test_batch",), "batches.meta"),
    "cifar100": (("train",), ("test",), "meta"),
}
_TARGET_KEYS = {"cifar10": "labels", "cifar100": "fine_labels"}
_CLASS_KEYS = {"cifar10": "label_names", "cifar100": "fine_label_names"}


def read(settings: DatasetSettings, root: Path) -> ImageData:
    """Read the set of the settings' name from ``root``; the MD5 of each file is checked first.

    Raises:
        UserError: a file is missing, isn't the published one, or holds anything but arrays, numbers and names.
    """
    train_files, test_files, meta_file = _PARTS[settings.name]
    source = source_of(settings.name)
    names = _load(source, root, meta_file)[_CLASS_KEYS[source.name]]
    train, test = (_images_and_targets(source, root, files) for files in (train_files, test_files))
    return ImageData.from_arrays(train, test, _MEAN, _STD, names)


def _images_and_targets(source: Source, root: Path, files: tuple[str, ...]) -> tuple[Any, Any]:
    parts = [_load(source, root, file) for file in files]
    size = source.image_size
    images = np.concatenate([part["data"] for part in parts]).reshape(-1, 3, size, size)
    return images, np.concatenate([np.asarray(part[_TARGET_KEYS[source.name]], dtype=np.int64) for part in parts])


def _load(source: Source, root: Path, file: str) -> dict[str, Any]:
    path = root / source.folder / file
    content = _checked_content(source, path, dict(source.files)[file])
    try:
        entry: dict[str, Any] = _ArrayUnpickler(io.BytesIO(content), encoding="latin1").load()
    except MemoryError:
        raise
    except _Foreign as error:
        raise UserError(f"{path} is refused: {error}") from None
    except Exception:  # a pickle can fail in any way
        raise UserError(f"{path} is refused: it is no pickle of arrays, numbers and names") from None
    return entry


def _checked_content(source: Source, path: Path, expected: str) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(
            f"{source.name} is not here: no {path}; run `olsrepro data fetch {source.name}`, "
            f"or set {ROOT_VARIABLE} to the folder that holds {source.folder}"
        ) from None
    except OSError as error:
        raise UserError(
            f"{path} can't be read: {error.strerror}; {ROOT_VARIABLE} names the folder of data sets"
        ) from None
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != expected:
        raise UserError(
            f"{path} is not the published file: MD5 {found}, expected {expected}; "
            f"run `olsrepro data fetch {source.name}` to replace it"
        )
    return content


def _dtype(code: str, align: Any = False, copy: Any = False) -> np.dtype[Any]:
    """Call NumPy's constructor, with truth values for the 0 and 1 of old pickles (deprecated since NumPy 2.4)."""
    return np.dtype(code, align=bool(align), copy=bool(copy))


class _Foreign(pickle.UnpicklingError):
    """A pickle's wish for something that is no part of an array."""


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickler of what a NumPy array is made of, and nothing else: a pickle can't call what it likes."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy", "dtype"):
            return _dtype
        if (module, name) == ("numpy", "ndarray"):
            return np.ndarray
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np.empty(0).__reduce__()[0]
        raise _Foreign(f"it asks for {module}.{name}, which no array needs")
