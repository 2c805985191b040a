"""Whole configuration of a run, resolved from `configs/` and a command line."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from olsrepro.data.noise.settings import NoiseSettings
from olsrepro.data.settings import DatasetSettings
from olsrepro.methods.settings import MethodSettings, RunContext
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

    def in_force(self) -> RunConfig:
        """Return the same run with the value in force for each switch that is left to a variant, recipe or seed.

        This is the form that is written out; :meth:`shortest` undoes it.
        """
        return replace(self, noise=self.noise.in_force(self.seed), method=self.method.in_force(self._context))

    def shortest(self) -> RunConfig:
        """Return the same run with None for each switch whose value recipe and seed imply anyway.

        A run id is made from this form, so that leaving a value out and typing the same value give one run.
        """
        return replace(self, noise=self.noise.shortest(self.seed), method=self.method.shortest(self._context))

    @property
    def _context(self) -> RunContext:
        return RunContext(self.dataset, self.recipe.epochs, self.recipe.milestones, self.recipe.batch_size)

    def as_dict(self) -> dict[str, Any]:
        """Return the run as plain nested dictionaries, with the values in force (:meth:`in_force`)."""
        return asdict(self.in_force())
