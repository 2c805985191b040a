"""Label methods by name: each is a folder here with ``settings.py`` (no torch) and ``method.py``, found by scanning."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

import olsrepro.methods as package
from olsrepro.checks import did_you_mean
from olsrepro.methods.settings import MethodSettings
from olsrepro.settings import UserError

if TYPE_CHECKING:
    from olsrepro.methods.base import LabelMethod, MethodContext


@cache
def method_names() -> tuple[str, ...]:
    """Return the names of all label methods, sorted."""
    return tuple(sorted(item.name for item in pkgutil.iter_modules(package.__path__) if item.ispkg))


@cache
def settings_class(name: str) -> type[MethodSettings]:
    """Return the settings dataclass of a method.

    Raises:
        UserError: there is no such method; the message has the nearest names.
    """
    if name not in method_names():
        raise UserError(f"method={name} is not known; {did_you_mean(name, method_names())}")
    return cast("type[MethodSettings]", import_module(f"{package.__name__}.{name}.settings").Settings)


def build_method(settings: MethodSettings, context: MethodContext) -> LabelMethod:
    """Build the label method that the settings describe, in the context of a run."""
    module = import_module(f"{package.__name__}.{settings.name}.method")
    return cast("LabelMethod", module.Method(settings, context))
