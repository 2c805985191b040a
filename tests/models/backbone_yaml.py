"""The backbones of configs/backbone as settings, read without Hydra."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from olsrepro.models.registry import settings_class
from olsrepro.models.settings import BackboneSettings

FOLDER = Path(__file__).parents[2] / "configs" / "backbone"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


def values(name: str) -> dict[str, Any]:
    return dict(OmegaConf.load(FOLDER / f"{name}.yaml"))


def settings(name: str, **changes: Any) -> BackboneSettings:
    found = values(name)
    return replace(settings_class(found["family"])(**found), **changes)


CLASSIFIERS = tuple(name for name in NAMES if settings(name).task == "classification")
