"""Inputs of a detector: photographs with the objects in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch

from olsrepro.config.run_config import RunConfig
from olsrepro.data.dataset import Dataset, DetectionSet
from olsrepro.data.loaders import ReaderOptions
from olsrepro.launch.inputs.base import Inputs
from olsrepro.training.detection.settings import DetectionRecipe
from olsrepro.training.detection.task import DetectionTask


@dataclass(frozen=True)
class TaskInputs(Inputs):
    """Photographs with the objects in them."""

    data: DetectionSet

    @classmethod
    def of(cls, config: RunConfig, data: Dataset, reader: ReaderOptions, weights: Path | None) -> TaskInputs:
        """Return the inputs as they were read: a detector needs nothing more."""
        return cls(cast(DetectionSet, data), reader, weights)

    def task(self, config: RunConfig, device: torch.device) -> DetectionTask:
        """Build the task that the run is trained on."""
        return DetectionTask(
            self.data,
            cast(DetectionRecipe, config.recipe),
            config.dataset.image_size,
            config.seed,
            device,
            reader=self.reader,
            accumulate=config.runtime.accumulate,
        )
