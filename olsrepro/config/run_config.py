"""A run's whole configuration, resolved: what `configs/` and a command line come to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from olsrepro.data.noise.settings import NoiseSettings
from olsrepro.data.settings import DatasetSettings
from olsrepro.methods.settings import MethodSettings
from olsrepro.models.settings import BackboneSettings
from olsrepro.training.recipe import RecipeSettings
from olsrepro.training.runtime import RuntimeSettings

CUSTOM = "custom"


@dataclass(frozen=True)
class RunConfig:
    """Data set x noise x backbone x label method x recipe x seed, and how it is executed.

    ``preset`` names the preset whose values these are in full, or is ``custom``.
    """

    dataset: DatasetSettings
    noise: NoiseSettings
    backbone: BackboneSettings
    method: MethodSettings
    recipe: RecipeSettings
    runtime: RuntimeSettings
    seed: int
    preset: str

    def as_dict(self) -> dict[str, Any]:
        """As plain nested dictionaries."""
        return asdict(self)
