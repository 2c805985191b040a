"""Data sets by name: each module in ``datasets`` reads one or a family, found by scanning. Loads no torch itself."""

from __future__ import annotations

import pkgutil
from collections.abc import Sized
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import overload

import olsrepro.data.datasets as package
from olsrepro.checks import did_you_mean
from olsrepro.data.dataset import Data, DetectionSet, Photographs
from olsrepro.data.datasets.settings import VocSettings
from olsrepro.data.settings import DatasetSettings
from olsrepro.settings import UserError


@cache
def _readers() -> dict[str, ModuleType]:
    modules = [import_module(f"{package.__name__}.{item.name}") for item in pkgutil.iter_modules(package.__path__)]
    return {name: module for module in modules for name in getattr(module, "NAMES", ())}


def dataset_names() -> tuple[str, ...]:
    """Names of all data sets, sorted."""
    return tuple(sorted(_readers()))


@overload
def read_dataset(settings: VocSettings, root: Path) -> DetectionSet: ...  # type: ignore[overload-overlap]
@overload
def read_dataset(settings: DatasetSettings, root: Path) -> Data: ...
def read_dataset(settings: DatasetSettings, root: Path) -> Data | DetectionSet:
    """Read a data set: its pixels where they are held in memory, else which files they are in.

    A data set for detection comes of :class:`VocSettings`, which a caller who may meet one must tell apart.

    Args:
        settings: its name, and the facts that it must agree with.
        root: folder of all data sets.

    Raises:
        UserError: no such data set; it is missing or damaged; or it isn't what the settings say.
    """
    if settings.name not in dataset_names():
        raise UserError(f"dataset.name={settings.name} is not known; {did_you_mean(settings.name, dataset_names())}")
    data: Data | DetectionSet = _readers()[settings.name].read(settings, root)
    _check_facts(settings, data)
    return data


def _check_facts(settings: DatasetSettings, data: Data | DetectionSet) -> None:
    size = settings.image_size
    said = {
        "train_size": settings.train_size,
        "test_size": settings.test_size,
        "num_classes": settings.num_classes,
        "image_size": (3, size, size),
    }
    wrong = [f"{key} {found} instead of {said[key]}" for key, found in _facts(data).items() if found != said[key]]
    labels = data.train_objects.classes if isinstance(data, DetectionSet) else data.train_targets
    if len(labels) and int(labels.max()) >= settings.num_classes:
        wrong.append(f"a class {int(labels.max())}")
    if wrong:
        raise UserError(
            f"dataset.name={settings.name} was read with {', '.join(wrong)}: its files are not the published ones, see"
            f" `olsrepro data verify {settings.name}`, or its config has wrong facts"
        )


def _facts(data: Data | DetectionSet) -> dict[str, object]:
    """What was read, by the names of the settings' facts; photographs have all sizes before they are resized."""
    if isinstance(data, Photographs | DetectionSet):
        return _counts(data, data.train_paths, data.test_paths)
    return _counts(data, data.train_images, data.test_images) | {"image_size": tuple(data.train_images.shape[1:])}


def _counts(data: Data | DetectionSet, train: Sized, test: Sized) -> dict[str, object]:
    return {"train_size": len(train), "test_size": len(test), "num_classes": len(data.class_names)}
