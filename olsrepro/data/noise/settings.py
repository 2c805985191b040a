"""Base of the settings of all kinds of label noise (no torch here)."""

from __future__ import annotations

from dataclasses import dataclass

from olsrepro.data.settings import DatasetSettings
from olsrepro.settings import Component, UserError


@dataclass(frozen=True)
class NoiseSettings(Component):
    """Base of every kind's settings. ``kind`` is the folder's name; a kind has the keys that it listens to, no others.

    A run id leaves out ``kind`` where there is no noise: ``none`` is its frozen default.
    """

    kind: str = "none"

    def resolved(self, run_seed: int) -> NoiseSettings:
        """Return the same noise in the one form that a run id covers (:class:`UserError` where there is none)."""
        return self

    def check_fits(self, dataset: DatasetSettings, method: str, *, has_clean_set: bool) -> None:
        """Refuse what can't be done in a run.

        Args:
            dataset: of the run.
            method: name of its label method.
            has_clean_set: whether that keeps training images with their true labels apart.

        Raises:
            UserError: the message says what doesn't fit, and what to set.
        """
        if dataset.task != "classification":
            raise UserError(
                f"noise={self.kind} is for labels of images, but dataset={dataset.name} has boxes; set noise=none"
            )
        self.check_classes(dataset.num_classes, f"dataset={dataset.name}")

    def check_classes(self, num_classes: int, of: str = "the data set") -> None:
        """Refuse a number of classes that the noise can't be made for (:class:`UserError`); ``of`` is who has it."""

    def check_complete(self, missing: int) -> None:
        """Refuse a training set of which ``missing`` images were left out (:class:`UserError`)."""

    def in_force(self, run_seed: int) -> NoiseSettings:
        """Return the same noise with the values that are used in a run of that seed."""
        return self

    def shortest(self, run_seed: int) -> NoiseSettings:
        """Return the same noise with None for what says no more than the run's seed does."""
        return self
