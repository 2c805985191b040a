"""Tasks by name: each is a package here with ``settings.py`` (no torch) and ``task.py``, found by scanning."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

import olsrepro.training as package
from olsrepro.checks import did_you_mean
from olsrepro.settings import UserError
from olsrepro.training.task_kind import TaskKind


@cache
def task_kinds() -> Mapping[str, TaskKind]:
    """Return all tasks by name."""
    names = [item.name for item in pkgutil.iter_modules(package.__path__) if item.ispkg]
    return {name: import_module(f"{package.__name__}.{name}.settings").KIND for name in names}


def task_kind(name: str) -> TaskKind:
    """Return a task by the name that a data set's settings have.

    Raises:
        UserError: there is no such task.
    """
    if name not in task_kinds():
        raise UserError(f"task={name} is not known; {did_you_mean(name, task_kinds())}")
    return task_kinds()[name]
