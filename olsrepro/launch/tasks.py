"""What a run is trained at: to classify images, or to detect objects in them."""

from __future__ import annotations

import torch

from olsrepro.config.run_config import RunConfig
from olsrepro.data.dataset import DetectionSet
from olsrepro.launch.inputs import Inputs
from olsrepro.methods.base import TrainingSet
from olsrepro.training.classification.task import ClassificationTask
from olsrepro.training.detection.settings import DetectionRecipe
from olsrepro.training.detection.task import DetectionTask


def task_of(config: RunConfig, inputs: Inputs, device: torch.device) -> ClassificationTask | DetectionTask:
    """The task that a run's data set sets."""
    if isinstance(inputs.data, DetectionSet):
        return _detection(config, inputs, inputs.data, device)
    assert inputs.labels is not None, "images have labels"
    return ClassificationTask(
        inputs.data,
        inputs.labels,
        config.recipe,
        config.method,
        config.seed,
        device,
        channels_last=config.runtime.channels_last,
        clean=inputs.clean,
        reading=inputs.reading,
        accumulate=config.runtime.accumulate,
    )


def training_set_of(task: ClassificationTask | DetectionTask) -> TrainingSet | None:
    """All training images, for methods that look at them; None where no method does."""
    return task.training_set() if isinstance(task, ClassificationTask) else None


def _detection(config: RunConfig, inputs: Inputs, data: DetectionSet, device: torch.device) -> DetectionTask:
    assert isinstance(config.recipe, DetectionRecipe), "composing refuses other recipes"
    return DetectionTask(
        data,
        config.recipe,
        config.dataset.image_size,
        config.seed,
        device,
        reading=inputs.reading,
        accumulate=config.runtime.accumulate,
    )
