"""Settings of clean labels (no torch here)."""

from __future__ import annotations

from dataclasses import dataclass

from olsrepro.data.noise.settings import NoiseSettings
from olsrepro.data.settings import DatasetSettings


@dataclass(frozen=True)
class Settings(NoiseSettings):
    """No noise: the labels are the data set's own."""

    kind: str = "none"

    def check_fits(self, dataset: DatasetSettings, method: str, *, has_clean_set: bool) -> None:
        """Refuse nothing: true labels fit any run."""
