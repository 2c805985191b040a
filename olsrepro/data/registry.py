"""Data sets by name: each module in ``datasets`` reads one or a family, found by scanning. Loads no torch itself."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import olsrepro.data.datasets as package
from olsrepro.checks import did_you_mean
from olsrepro.data.dataset import Dataset
from olsrepro.data.settings import DatasetSettings
from olsrepro.settings import UserError


@cache
def _readers() -> dict[str, ModuleType]:
    modules = [import_module(f"{package.__name__}.{item.name}") for item in pkgutil.iter_modules(package.__path__)]
    return {name: module for module in modules for name in getattr(module, "NAMES", ())}


def dataset_names() -> tuple[str, ...]:
    """Return the names of all data sets, sorted."""
    return tuple(sorted(_readers()))


def read_dataset(settings: DatasetSettings, root: Path) -> Dataset:
    """Read a data set: its pixels where they are held in memory, else the list of its files.

    Args:
        settings: its name, and the facts that it must agree with.
        root: folder of all data sets.

    Raises:
        UserError: no such data set; it is missing or damaged; or it isn't what the settings say.
    """
    if settings.name not in dataset_names():
        raise UserError(f"dataset.name={settings.name} is not known; {did_you_mean(settings.name, dataset_names())}")
    data: Dataset = _readers()[settings.name].read(settings, root)
    _check_facts(settings, data)
    return data


def _check_facts(settings: DatasetSettings, data: Dataset) -> None:
    size = settings.image_size
    expected = {
        "train_size": settings.train_size,
        "test_size": settings.test_size,
        "num_classes": settings.num_classes,
        "image_size": (3, size, size),
    }
    wrong = [
        f"{key} {found} instead of {expected[key]}" for key, found in data.facts().items() if found != expected[key]
    ]
    if len(data.classes) and int(data.classes.max()) >= settings.num_classes:
        wrong.append(f"a class {int(data.classes.max())}")
    if wrong:
        raise UserError(
            f"dataset.name={settings.name} was read with {', '.join(wrong)}: either its files are not the published"
            f" ones (see `olsrepro data verify {settings.name}`), or its config has wrong facts"
        )
