"""Backbone families, found by scanning the sub-packages; imports no torch before a network is built.

A family is a sub-package with a module ``settings`` (a dataclass ``Settings``, torch-free) and a module ``network``
(``build(settings, num_classes)``), which builds a ``Backbone``, or a ``Detector`` if the settings' task is
detection.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Any

from olsrepro import models
from olsrepro.checks import check_range, did_you_mean
from olsrepro.models.settings import BackboneSettings
from olsrepro.settings import UserError

if TYPE_CHECKING:
    from olsrepro.models.backbone import Backbone
    from olsrepro.models.detector import Detector


@cache
def families() -> tuple[str, ...]:
    """Return the names of all backbone families, sorted."""
    packages = (item.name for item in pkgutil.iter_modules(models.__path__) if item.ispkg)
    return tuple(sorted(name for name in packages if importlib.util.find_spec(f"{models.__name__}.{name}.settings")))


@cache
def settings_class(family: str) -> type[BackboneSettings]:
    """Return the settings dataclass of a family; an unknown one raises :class:`UserError` with the nearest names."""
    if family not in (known := families()):
        raise UserError(f"backbone.family={family} is not known; {did_you_mean(family, known)}")
    found: type[BackboneSettings] = importlib.import_module(f"{models.__name__}.{family}.settings").Settings
    return found


def build_network(settings: BackboneSettings, num_classes: int) -> Backbone | Detector:
    """Build the network of a run of either task, drawn from torch's generator on torch's default device.

    An unknown family raises :class:`UserError`, fewer than one class :class:`ValueError`.
    """
    built: Backbone | Detector = _built(settings, num_classes)
    return built


def build_backbone(settings: BackboneSettings, num_classes: int) -> Backbone:
    """Build the network ``(B, 3, H, W) -> (B, num_classes)``; see :func:`build_network`.

    A detector raises :class:`UserError` too.
    """
    _check_task(settings, "classification", "detects objects and classifies no images: choose resnet56, for example")
    built: Backbone = _built(settings, num_classes)
    return built


def build_detector(settings: BackboneSettings, num_classes: int) -> Detector:
    """Build the network from images ``(B, 3, H, W)`` to raw maps; see :func:`build_network`.

    A network that classifies raises :class:`UserError` too.
    """
    _check_task(settings, "detection", "classifies images and detects no objects: choose yolo_mobilenetv2")
    built: Detector = _built(settings, num_classes)
    return built


def _check_task(settings: BackboneSettings, task: str, otherwise: str) -> None:
    if settings.task != task:
        raise UserError(f"backbone={settings.name} {otherwise}")


def _built(settings: BackboneSettings, num_classes: int) -> Any:
    check_range("num_classes", num_classes, 1)
    settings_class(settings.family)
    return importlib.import_module(f"{models.__name__}.{settings.family}.network").build(settings, num_classes)
