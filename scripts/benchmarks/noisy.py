"""What the methods against label noise cost, against training with hard labels, on the CPU."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from itertools import chain, count
from pathlib import Path
from typing import Any

from olsrepro.training.trainer import Trainer

from .methods import BASELINE, STEPS, Place, noise_images, trainer_of
from .pairs import paired, row

L2RW_BOUND = 2.7
MW_NET_BOUND = 3.4
ARAZO_BOUND = 1.8  # averaged over a run
PENCIL_BOUND = 1.15
SMP_BOUND = 0.4  # of the epoch, its label correction included
SMP_CLASSES, SMP_IMAGES = 4, 2000  # 500 images of a class, as CIFAR-100 has


def rows(rounds: int = 30, rounds_of_epochs: int = 5) -> Iterator[dict[str, Any]]:
    """A row for each method."""
    yield with_clean_batch("l2rw", L2RW_BOUND, Place("resnet20", 128, rounds))
    yield with_clean_batch("mw_net", MW_NET_BOUND, Place("resnet20", 128, rounds))
    yield arazo(Place("resnet20", 128, rounds))
    yield pencil(Place("resnet20", 128, rounds))
    yield smp(Place("resnet20", 128, rounds_of_epochs))


def with_clean_batch(method: str, bound: float, place: Place) -> dict[str, Any]:
    """A step with its meta-gradient, as many clean images beside the batch, against a step with hard labels."""
    with tempfile.TemporaryDirectory() as folder:
        data = noise_images((STEPS + 1) * place.batch, 100)
        trainer, baseline = trainer_of(method, place, Path(folder), data), trainer_of(BASELINE, place, Path(folder))
        pairs = paired(_step_in(trainer, 0), _step_in(baseline, 0), rounds=place.rounds, inner=STEPS)
    return row(f"{method}_step_{place.backbone}", pairs, bound, "lower")


def arazo(place: Place) -> dict[str, Any]:
    """An epoch of the warm-up and one that corrects, each with its end, against two with hard labels.

    A run of the paper has 155 of the one and 145 of the other.
    """
    with tempfile.TemporaryDirectory() as folder:
        trainer, baseline = (trainer_of(name, place, Path(folder)) for name in ("arazo", BASELINE))
        pairs = paired(_first_and_last_epoch(trainer), _first_and_last_epoch(baseline), rounds=place.rounds)
    return row(f"arazo_run_{place.backbone}", pairs, ARAZO_BOUND, "lower")


def pencil(place: Place) -> dict[str, Any]:
    """A step of stage 2, which moves labels, against a step with hard labels."""
    with tempfile.TemporaryDirectory() as folder:
        trainer, baseline = (trainer_of(name, place, Path(folder)) for name in ("pencil", BASELINE))
        middle = trainer.recipe.epochs // 2
        pairs = paired(_step_in(trainer, middle), _step_in(baseline, middle), rounds=place.rounds, inner=STEPS)
    return row(f"pencil_step_{place.backbone}", pairs, PENCIL_BOUND, "lower")


def smp(place: Place) -> dict[str, Any]:
    """The correction of all labels, against the whole epoch that ends with it."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of("smp", place, Path(folder), noise_images(SMP_IMAGES, SMP_CLASSES))
        late = trainer.recipe.epochs - 2  # the last epoch corrects nothing
        trainer.progress.epoch = late
        trainer.learner.set_learning_rate(trainer.progress.epoch)
        correct = trainer.learner.method.end_epoch

        def epoch() -> None:
            for batch in trainer.task.batches(late, 0):
                trainer._step(batch)
            correct()

        epoch()
        pairs = paired(correct, epoch, rounds=place.rounds, warmup=0)
    return row(f"smp_correction_{place.backbone}", pairs, SMP_BOUND, "lower")


def _step_in(trainer: Trainer, epoch: int) -> Callable[[], object]:
    """A step of this epoch, which begins anew after its last batch."""
    trainer.progress.epoch = epoch
    trainer.learner.set_learning_rate(trainer.progress.epoch)
    batches = chain.from_iterable(trainer.task.batches(epoch, 0) for _ in count())
    return lambda: trainer._step(next(batches))


def _first_and_last_epoch(trainer: Trainer) -> Callable[[], object]:
    """Steps and end of both epochs, without a test."""

    def epochs() -> None:
        for epoch in (0, trainer.recipe.epochs - 1):
            for batch in trainer.task.batches(epoch, 0):
                trainer._step(batch)
            trainer.learner.method.end_epoch()

    return epochs
