"""What a training step costs with each label method, against a step with hard labels, on the CPU."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import torch
from torch import nn

from olsrepro.config.compose import compose_run
from olsrepro.config.run_config import RunConfig
from olsrepro.data.batch import Batch
from olsrepro.data.dataset import ImageData
from olsrepro.data.noise.noisy_labels import noisy_targets
from olsrepro.launch.build import learner_of
from olsrepro.launch.inputs.classification import clean_samples
from olsrepro.methods.registry import method_names, settings_class
from olsrepro.models.count import mac_count
from olsrepro.models.registry import build_backbone
from olsrepro.training.artifacts import Artifacts
from olsrepro.training.checkpoint import CheckpointFolder
from olsrepro.training.classification.task import ClassificationTask
from olsrepro.training.stop import StopRequest
from olsrepro.training.trainer import Trainer

from .pairs import paired, row

STEPS = 2  # at batch 128 as many batches as the loader makes at once on a CPU
CPU = torch.device("cpu")
SIDE = 32
BASELINE = "hard"
ELSEWHERE = {"arazo", "l2rw", "mw_net", "pencil", "smp"}  # in noisy.py
BOUNDS = {"ddgsd": 2.1, "tfkd_self": 1.45, "ols_single": 1.1}
BOUND_OF_OTHERS = 1.05
BOUND_ABOVE_MACS = 0.1  # of a method that taps stages: above the ratio of multiply-adds with and without its heads
# An untrained network is hardly ever right: without this nobody would be a candidate.
# A clean set of one batch, so that every step has a whole one beside it.
ONE_CLEAN_BATCH = ["method.clean_size=128", "method.clean_balance=random"]
SWITCHES = {"ols_single": ["method.correct_only=false"], "l2rw": ONE_CLEAN_BATCH, "mw_net": ONE_CLEAN_BATCH}


@dataclass(frozen=True)
class Place:
    """Where a method is measured, and in how many pairs."""

    backbone: str
    batch: int
    rounds: int


def rows(rounds: int = 30, rounds_with_heads: int = 10) -> Iterator[dict[str, Any]]:
    """A row for each label method but the hard one; a method that taps stages is bounded by its multiply-adds.

    Every method is measured in the last epoch of its run and after the end of an epoch, when whatever it begins late is
    on: soft labels of a former period, a store of predictions, a term that sets in after a share of the epochs.
    """
    plain = Place("resnet20", 128, rounds)
    with_heads = Place("cifar_resnet34", 16, rounds_with_heads)
    for name in method_names():
        if name != BASELINE and name not in ELSEWHERE:
            yield _step_against_hard(name, with_heads if settings_class(name).needs_stages else plain)


def _step_against_hard(method: str, place: Place) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        trainer, baseline = (trainer_of(name, place, Path(folder)) for name in (method, BASELINE))
        pairs = paired(_step_of(trainer), _step_of(baseline), rounds=place.rounds, inner=STEPS)
    return row(f"{method}_step_{place.backbone}", pairs, _bound(method, trainer), "lower")


def _bound(method: str, trainer: Trainer) -> float:
    if not settings_class(method).needs_stages:
        return BOUNDS.get(method, BOUND_OF_OTHERS)
    learner = trainer.learner
    return mac_count(learner.forward, SIDE) / mac_count(learner.network, SIDE) + BOUND_ABOVE_MACS


def _step_of(trainer: Trainer) -> Callable[[], object]:
    """A step of the last epoch, which begins anew after its last batch."""
    _reach_last_epoch(trainer)
    batches = chain.from_iterable(_epoch(trainer) for _ in count())
    return lambda: trainer._step(next(batches))


def _reach_last_epoch(trainer: Trainer) -> None:
    """As if all epochs but the last had been trained; one epoch's steps and its end stand for them."""
    trainer.progress.epoch = trainer.recipe.epochs - 1
    trainer.learner.set_learning_rate(trainer.progress.epoch)
    for batch in _epoch(trainer):
        trainer._step(batch)
    trainer.learner.method.end_epoch()


def _epoch(trainer: Trainer) -> Iterator[Sequence[Batch]]:
    return trainer.task.batches(trainer.progress.epoch, 0)


def trainer_of(method: str, place: Place, folder: Path, data: ImageData | None = None) -> Trainer:
    """A trainer of a method, on so few images unless others are given that an epoch has :data:`STEPS` steps."""
    config = _config(method, place)
    data = data or noise_images(STEPS * place.batch, config.dataset.num_classes)
    labels = noisy_targets(data.train_targets, config.dataset.num_classes, config.noise, config.seed)
    clean = clean_samples(config, data)
    task = ClassificationTask(data, labels, config.recipe, config.method, config.seed, CPU, clean=clean)
    trainer = Trainer(
        task=task,
        learner=learner_of(config, CPU, _untrained_teacher(config), task.training_set()),
        recipe=config.recipe,
        runtime=config.runtime,
        artifacts=Artifacts(folder),
        checkpoints=CheckpointFolder(folder),
        stop=StopRequest(),
    )
    trainer.learner.network.train()
    trainer.learner.method.train()
    return trainer


def _config(method: str, place: Place) -> RunConfig:
    return compose_run(
        [
            "dataset=cifar100",
            f"backbone={place.backbone}",
            f"method={method}",
            "preset=paper",
            f"recipe.batch_size={place.batch}",
            *SWITCHES.get(method, []),
        ]
    )


def _untrained_teacher(config: RunConfig) -> nn.Module | None:
    """Stands in for a trained network: which weights it has changes no time."""
    if not config.method.wants_teacher:
        return None
    return build_backbone(config.backbone, config.dataset.num_classes).eval().requires_grad_(False)


def noise_images(number: int, classes: int) -> ImageData:
    """Images of noise with random labels, the training and the test set alike."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (number, 3, SIDE, SIDE), dtype=torch.uint8, generator=generator)
    targets = torch.randint(classes, (number,), generator=generator)
    half = torch.full((3,), 0.5)
    return ImageData(images, targets, images, targets, half, half, tuple(map(str, range(classes))))
