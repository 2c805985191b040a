"""Inputs of a classifier: images of one class each, with the labels given to them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from olsrepro.config.run_config import RunConfig
from olsrepro.data.dataset import Dataset, LabelledImages
from olsrepro.data.labels.clean_set import clean_indices
from olsrepro.data.loaders import ReaderOptions
from olsrepro.data.noise.noisy_labels import NoisyLabels, noisy_targets
from olsrepro.launch.inputs.base import Inputs
from olsrepro.settings import UserError
from olsrepro.training.classification.task import ClassificationTask


@dataclass(frozen=True)
class TaskInputs(Inputs):
    """Labelled images, and the labels given to them.
    Attributes:
        data: the data set.
        labels: given ones.
        clean: samples of the method's clean set, int64 and rising, if it wants one.
    """

    data: LabelledImages
    labels: NoisyLabels
    clean: Tensor | None = None

    @classmethod
    def of(cls, config: RunConfig, data: Dataset, reader: ReaderOptions, weights: Path | None) -> TaskInputs:
        """Add the method's clean set and the given labels."""
        images = cast(LabelledImages, data)
        config.noise.check_complete(missing=config.dataset.train_size - images.train_size)
        clean = clean_samples(config, images)
        labels = noisy_targets(images.train_targets, config.dataset.num_classes, config.noise, config.seed, clean)
        return cls(images, reader, weights, labels, clean)

    def task(self, config: RunConfig, device: torch.device) -> ClassificationTask:
        """Build the task that the run is trained on."""
        return ClassificationTask(
            self.data,
            self.labels,
            config.recipe,
            config.method,
            config.seed,
            device,
            channels_last=config.runtime.channels_last,
            clean=self.clean,
            reader=self.reader,
            accumulate=config.runtime.accumulate,
        )

    @property
    def warning(self) -> str | None:
        """Warning about the given labels in one line, or None."""
        return self.labels.warning

    def record_fields(self, config: RunConfig) -> dict[str, Any]:
        """Return the record's fields on the labels, the clean set and images that were left out."""
        clean = {} if self.clean is None else {"clean_set": self.clean.tolist()}
        return {"noise": noise_fields(config, self.labels)} | clean | super().record_fields(config)


def noise_fields(config: RunConfig, labels: NoisyLabels) -> dict[str, Any]:
    """Return all switches of the noise and its measured outcome, for a record."""
    return asdict(config.noise.in_force(config.seed)) | {
        "measured_rate": labels.rate,
        "flipped": int(labels.flipped.sum()),
        "labels_sha256": labels.sha256,
    }


def clean_samples(config: RunConfig, data: LabelledImages) -> Tensor | None:
    """Return the samples of the clean set that the method wants, int64, rising; None where it wants none."""
    wanted = config.method.clean_set()
    if wanted is None:
        return None
    classes = config.dataset.num_classes
    try:
        return clean_indices(data.train_targets, classes, wanted.size, per_class=wanted.per_class, seed=config.seed)
    except ValueError as error:
        raise UserError(f"method.{error}") from None
