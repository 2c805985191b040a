"""Data sets by name: each module in ``sets`` reads one or a family, and is found by scanning. Loads no torch itself."""

from __future__ import annotations

import pkgutil
from collections.abc import Sized
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import olsrepro.data.sets as package
from olsrepro.data.images import ImageData
from olsrepro.data.photographs import Photographs
from olsrepro.data.settings import DatasetSettings
from olsrepro.settings import UserError, did_you_mean

Data = ImageData | Photographs


@cache
def _readers() -> dict[str, ModuleType]:
    modules = [import_module(f"{package.__name__}.{item.name}") for item in pkgutil.iter_modules(package.__path__)]
    return {name: module for module in modules for name in module.NAMES}


def dataset_names() -> tuple[str, ...]:
    """Names of all data sets, sorted."""
    return tuple(sorted(_readers()))


def read_dataset(settings: DatasetSettings, root: Path) -> Data:
    """Read a data set: its pixels where they are held in memory, else which files they are in.

    Args:
        settings: its name, and the facts that it must agree with.
        root: folder of all data sets.

    Raises:
        UserError: no such data set; it is missing or damaged; or it isn't what the settings say.
    """
    if settings.name not in dataset_names():
        raise UserError(f"dataset.name={settings.name} is not known; {did_you_mean(settings.name, dataset_names())}")
    data: Data = _readers()[settings.name].read(settings, root)
    _check_facts(settings, data)
    return data


def _check_facts(settings: DatasetSettings, data: Data) -> None:
    size = settings.image_size
    said = {
        "train_size": settings.train_size,
        "test_size": settings.test_size,
        "num_classes": settings.num_classes,
        "image_size": (3, size, size),
    }
    wrong = [f"{key} {found} instead of {said[key]}" for key, found in _facts(data).items() if found != said[key]]
    if len(data.train_targets) and int(data.train_targets.max()) >= settings.num_classes:
        wrong.append(f"a class {int(data.train_targets.max())}")
    if wrong:
        raise UserError(f"dataset.name={settings.name} was read with {', '.join(wrong)}")


def _facts(data: Data) -> dict[str, object]:
    """What was read, by the names of the settings' facts; photographs have all sizes before they are resized."""
    if isinstance(data, Photographs):
        return _counts(data, data.train_paths, data.test_paths)
    return _counts(data, data.train_images, data.test_images) | {"image_size": tuple(data.train_images.shape[1:])}


def _counts(data: Data, train: Sized, test: Sized) -> dict[str, object]:
    return {"train_size": len(train), "test_size": len(test), "num_classes": len(data.class_names)}
