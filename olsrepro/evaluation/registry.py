"""Evaluations by name: each is a folder here with ``settings.py`` (no torch) and ``measure.py``, found by scanning."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import olsrepro.evaluation as package
from olsrepro.checks import did_you_mean
from olsrepro.evaluation.settings import EvaluationSettings
from olsrepro.settings import UserError

if TYPE_CHECKING:
    from olsrepro.evaluation.subject import DetectorSubject, Result, Subject


@cache
def evaluation_names() -> tuple[str, ...]:
    """List the names of all evaluations, sorted."""
    return tuple(sorted(item.name for item in pkgutil.iter_modules(package.__path__) if item.ispkg))


@cache
def settings_class(name: str) -> type[EvaluationSettings]:
    """Return the settings dataclass of an evaluation; for an unknown one :class:`UserError` names the nearest."""
    if name not in evaluation_names():
        raise UserError(f"evaluation={name} is not known; {did_you_mean(name, evaluation_names())}")
    return cast("type[EvaluationSettings]", import_module(f"{package.__name__}.{name}.settings").Settings)


def read_settings(values: Mapping[str, Any]) -> EvaluationSettings:
    """Read the settings that ``{name: ..., parameter: value}`` describes.

    Raises:
        UserError: the name or a parameter is not known, or a value is out of its range.
    """
    name = str(values.get("name", ""))
    cls = settings_class(name)
    known = [item.name for item in fields(cls)]
    for key in values:
        if key not in known:
            raise UserError(f"{name}.{key}={values[key]}: {name} has no {key}; {did_you_mean(key, known)}")
    try:
        return cls(**values)
    except (ValueError, TypeError) as error:
        raise UserError(f"{name}.{error}") from None


def measure(settings: EvaluationSettings, subject: Subject | DetectorSubject) -> Result:
    """Measure a finished run of the evaluation's task."""
    module = import_module(f"{package.__name__}.{settings.name}.measure")
    return cast("Result", module.measure(settings, subject))
