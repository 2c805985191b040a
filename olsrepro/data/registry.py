"""Data sets by name: each module in ``sets`` reads one or a family, and is found by scanning. Loads no torch itself."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import olsrepro.data.sets as package
from olsrepro.data.images import ImageData
from olsrepro.data.settings import DatasetSettings
from olsrepro.settings import UserError, did_you_mean


@cache
def _readers() -> dict[str, ModuleType]:
    modules = [import_module(f"{package.__name__}.{item.name}") for item in pkgutil.iter_modules(package.__path__)]
    return {name: module for module in modules for name in module.NAMES}


def dataset_names() -> tuple[str, ...]:
    """Names of all data sets, sorted."""
    return tuple(sorted(_readers()))


def read_dataset(settings: DatasetSettings, root: Path) -> ImageData:
    """Read a data set into memory.

    Args:
        settings: its name, and the facts that it must agree with.
        root: folder of all data sets.

    Raises:
        UserError: no such data set; it is missing or damaged; or it isn't what the settings say.
    """
    if settings.name not in dataset_names():
        raise UserError(f"dataset.name={settings.name} is not known; {did_you_mean(settings.name, dataset_names())}")
    data: ImageData = _readers()[settings.name].read(settings, root)
    _check_facts(settings, data)
    return data


def _check_facts(settings: DatasetSettings, data: ImageData) -> None:
    size = settings.image_size
    expected = {
        "train_size": (settings.train_size, data.train_images.shape[0]),
        "test_size": (settings.test_size, data.test_images.shape[0]),
        "num_classes": (settings.num_classes, len(data.class_names)),
        "image_size": ((3, size, size), tuple(data.train_images.shape[1:])),
    }
    wrong = [f"{key} {found} instead of {said}" for key, (said, found) in expected.items() if said != found]
    if int(data.train_targets.max()) >= settings.num_classes:
        wrong.append(f"a class {int(data.train_targets.max())}")
    if wrong:
        raise UserError(f"dataset.name={settings.name} was read with {', '.join(wrong)}")
