"""The trainer against a bare loop, and what a checkpoint costs against a training step."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from olsrepro.config.compose import compose_run
from olsrepro.config.run_config import RunConfig
from olsrepro.data.dataset import ImageData
from olsrepro.data.noise.noisy_labels import noisy_targets
from olsrepro.launch.build import learner_of
from olsrepro.training.artifacts import Artifacts
from olsrepro.training.checkpoint import CheckpointFolder
from olsrepro.training.classification.task import ClassificationTask
from olsrepro.training.optimizer import build_optimizer
from olsrepro.training.stop import StopRequest
from olsrepro.training.trainer import Trainer

from .pairs import paired, row

BATCH = 128
STEPS = 2
CPU = torch.device("cpu")


def rows(rounds: int = 60) -> list[dict[str, Any]]:
    """Trainer against bare loop (bound on the speed kept), then checkpoints (bound on the share of a step)."""
    return [
        _trainer_against_bare_loop(rounds),
        _checkpoint_against_step("resnet56", 0.15, rounds=12),
        _checkpoint_against_step("cifar_resnet34", 0.3, rounds=6),
    ]


def _trainer_against_bare_loop(rounds: int) -> dict[str, Any]:
    """Speed of the bare loop is 1: it has its batches ready and counts nothing; the trainer makes them and counts."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of("resnet20", Path(folder), STEPS * BATCH)
        pairs = paired(_bare_loop(trainer), _epoch_of(trainer), rounds=rounds)
    return row("trainer_speed_against_bare_loop", pairs, 0.97, "higher")


def _checkpoint_against_step(backbone: str, bound: float, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        trainer = trainer_of(backbone, Path(folder), BATCH)
        pairs = paired(trainer.checkpoint, _epoch_of(trainer), rounds=rounds)
    return row(f"checkpoint_against_step_{backbone}", pairs, bound, "lower")


def _epoch_of(trainer: Trainer) -> Callable[[], object]:
    def run() -> None:
        trainer.progress.step = 0
        trainer.task.counters.reset()
        trainer._train_epoch()

    return run


def _bare_loop(trainer: Trainer) -> Callable[[], object]:
    config = _config("resnet20")
    learner = learner_of(config, CPU)
    network = learner.network.train()
    optimizer = build_optimizer(list(network.parameters()), config.recipe)
    batches = [(batch.images.clone(), batch.targets.clone()) for (batch,) in trainer.task.batches(0, 0)]

    def run() -> None:
        for images, targets in batches:
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(network(images), targets).backward()
            optimizer.step()

    return run


def _config(backbone: str) -> RunConfig:
    return compose_run(["dataset=cifar100", f"backbone={backbone}", "method=hard", "preset=paper"])


def trainer_of(backbone: str, folder: Path, images: int) -> Trainer:
    config = _config(backbone)
    data = _images(images)
    labels = noisy_targets(data.train_targets, config.dataset.num_classes, config.noise, config.seed)
    trainer = Trainer(
        task=ClassificationTask(data, labels, config.recipe, config.method, config.seed, CPU),
        learner=learner_of(config, CPU),
        recipe=config.recipe,
        runtime=config.runtime,
        artifacts=Artifacts(folder),
        checkpoints=CheckpointFolder(folder),
        stop=StopRequest(),
    )
    trainer.learner.network.train()
    return trainer


def _images(count: int) -> ImageData:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
    targets = torch.randint(0, 100, (count,), generator=generator)
    half = torch.full((3,), 0.5)
    return ImageData(images, targets, images, targets, half, half, tuple(map(str, range(100))))
