"""Learner and trainer of a run, built from its config."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from olsrepro.config.run_config import RunConfig
from olsrepro.launch.alike import refuse_unlike_weights
from olsrepro.launch.inputs.base import Inputs
from olsrepro.launch.job import Job
from olsrepro.launch.provenance import each_rank, this_process
from olsrepro.launch.ranks import together
from olsrepro.launch.single_images import refuse_single_images
from olsrepro.methods.base import TrainingSet
from olsrepro.settings import UserError
from olsrepro.training.artifacts import Artifacts
from olsrepro.training.checkpoint import CheckpointFolder
from olsrepro.training.ensembles import EnsembleCollector
from olsrepro.training.learner import Learner, build_learner
from olsrepro.training.stop import StopRequest
from olsrepro.training.trainer import Observer, Trainer


def learner_of(
    config: RunConfig,
    device: torch.device,
    teacher: nn.Module | None = None,
    training_set: TrainingSet | None = None,
    weights: Path | None = None,
) -> Learner:
    """Build network, label method and optimiser of a run, as :func:`build_learner` makes them."""
    parts = (config.backbone, config.method, config.dataset, config.recipe, config.runtime)
    return build_learner(*parts, config.seed, device, teacher, training_set, weights)


def trainer_of(
    job: Job,
    inputs: Inputs,
    device: torch.device,
    teacher: nn.Module | None,
    *,
    observers: Sequence[Observer],
    stop: StopRequest,
    guard: Callable[[], object],
) -> Trainer:
    """Build a run's trainer, resumed from its last checkpoint if it has one.

    Args:
        job: the run.
        inputs: data and initial weights.
        device: where it trains.
        teacher: the network that teaches, for methods that want one.
        observers: called after each step and epoch.
        stop: request for a stop, which signals make.
        guard: called before each checkpoint; raises if this process must not write.

    Raises:
        UserError: images can be decoded now that could not when the run began, or the other way round; ranks start
            from different weights; the last batch leaves a part of one image that the network can't be trained on.
    """
    config = inputs.sized(job.config)
    task = inputs.task(config, device)
    learner = learner_of(config, device, teacher, task.training_set(), inputs.weights)
    refuse_unlike_weights(learner, teacher)
    together(lambda: refuse_single_images(config, task, learner))
    process = this_process(config.runtime, device)
    trainer = Trainer(
        task=task,
        learner=learner,
        recipe=config.recipe,
        runtime=config.runtime,
        artifacts=Artifacts(job.folder, job.about()),
        checkpoints=CheckpointFolder(job.folder, job.say, guard=guard),
        stop=stop,
        observers=observers,
        collectors=[EnsembleCollector.of(config.runtime, config.recipe.epochs, config.seed)],
        history=[process | each_rank(process) | {"unreadable": list(inputs.data.unreadable)}],
    )
    trainer.resume()
    _refuse_other_photographs(trainer)
    return trainer


def _refuse_other_photographs(trainer: Trainer) -> None:
    """Refuse to resume with other images than the run began with: samples are known by number."""
    first, *_, last = [entry["unreadable"] for entry in (trainer.history[0], *trainer.history)]
    if first != last:
        raise UserError(
            f"{len(last)} images can't be decoded now, but {len(first)} when the run began: put the files back as they"
            " were, or start over with --fresh"
        )
