"""What learns in a run, from the run's config."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from olsrepro.config.run_config import RunConfig
from olsrepro.methods.base import TrainingSet
from olsrepro.training.learner import Learner, build_learner


def learner_of(
    config: RunConfig,
    device: torch.device,
    teacher: nn.Module | None = None,
    training_set: TrainingSet | None = None,
    start: Path | None = None,
) -> Learner:
    """Network, label method and optimiser of a run, as :func:`build_learner` makes them."""
    parts = (config.backbone, config.method, config.dataset, config.recipe, config.runtime)
    return build_learner(*parts, config.seed, device, teacher, training_set, start)
