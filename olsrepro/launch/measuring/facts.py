"""Facts measured without training: the contents of a data set's files, the behaviour of a label method in one step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from olsrepro.config.run_config import RunConfig
from olsrepro.data.batch import Batch
from olsrepro.data.registry import read_dataset
from olsrepro.launch.build import learner_of
from olsrepro.launch.provenance import now, this_process
from olsrepro.models.registry import build_backbone
from olsrepro.store.facts import facts_about, facts_folder, facts_id
from olsrepro.store.record import FINISHED, write_record
from olsrepro.training.learner import Learner

Facts = dict[str, float]
CPU = torch.device("cpu")
_IMAGES = 8


def measure(kind: str, config: RunConfig) -> Path:
    """Measure the facts of a run's data set or method and store them; return the record's path.

    Args:
        kind: ``dataset`` or ``method``.
        config: a run with that component.

    Raises:
        UserError: data are missing.
    """
    return leave_facts(kind, config, MEASURES[kind](config), CPU)


def leave_facts(kind: str, config: RunConfig, facts: Facts, device: torch.device) -> Path:
    """Store facts with their subject, and where and by what they were measured; return the record's path."""
    name = facts_id(kind, config)
    record = {
        "run_id": name,
        "status": FINISHED,
        "about": facts_about(kind, config),
        "facts": facts,
        "history": [this_process(config.runtime, device)],
        "finished": now(),
    }
    folder = facts_folder(Path(config.runtime.runs_dir), name)
    folder.mkdir(parents=True, exist_ok=True)
    return write_record(folder, record)


def dataset_facts(config: RunConfig) -> Facts:
    """Count classes that occur in the training labels, training images and test images in what is read (Table V)."""
    data = read_dataset(config.dataset, Path(config.runtime.data_dir))
    return {
        "categories": float(len(set(data.classes.tolist()))),
        "train_images": float(data.train_size),
        "test_images": float(data.test_size),
    }


def method_facts(config: RunConfig) -> Facts:
    """Measure what a label method does in a training step of the last epoch (Table I).

    ``forward_passes`` counts the images that go through any backbone, in batches; ``teacher`` is 1 if another network
    than the trained one is called; ``special_network`` is 1 if what is trained has weights that the plain backbone
    lacks; ``class_level`` is 1 if two images of one class always get the same target.
    """
    learner, batch = _started(config), _batch(config)
    passes = _passes(learner, batch)
    own = set(learner.network.modules())
    with torch.random.fork_rng(devices=[]):
        plain = {name for name, _ in build_backbone(config.backbone, config.dataset.num_classes).named_parameters()}
    trained = {name for name, _ in learner.network.named_parameters()}
    return {
        "class_level": float(_is_class_level(config)),
        "teacher": float(any(stem not in own for stem, _ in passes)),
        "special_network": float(trained != plain or any(True for _ in learner.method.parameters())),
        "forward_passes": sum(images for _, images in passes) / len(batch.images),
    }


MEASURES: dict[str, Callable[[RunConfig], Facts]] = {"dataset": dataset_facts, "method": method_facts}


def _learner(config: RunConfig) -> Learner:
    return learner_of(config, CPU, _untrained_teacher(config), _Images(_batch(config)))


def _untrained_teacher(config: RunConfig) -> nn.Module | None:
    """Return a stand-in for a trained network, whose weights change none of the facts; None if none is wanted."""
    if not config.method.wants_teacher:
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return build_backbone(config.backbone, config.dataset.num_classes).eval().requires_grad_(False)


def _batch(config: RunConfig) -> Batch:
    """Return a batch of noise images in which each class occurs twice, so that targets can be compared within one."""
    side = config.dataset.image_size
    views = 1 + len(config.method.more_views(config.recipe.augment))
    wants_clean = config.method.clean_set() is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        images, *more = torch.randn(views + wants_clean, _IMAGES, 3, side, side)
    targets = torch.arange(_IMAGES) // 2 % config.dataset.num_classes
    clean = (more.pop(), targets) if wants_clean else (None, None)
    return Batch(images, targets, torch.arange(_IMAGES), config.recipe.epochs - 1, tuple(more), *clean)


def _started(config: RunConfig) -> Learner:
    """Return a learner after some epochs: labels that a method forms in training are no longer its initial ones."""
    learner, batch = _learner(config), _batch(config)
    for epoch in sorted({0, max(0, config.recipe.epochs - 2)}):
        learner.method(learner.forward, replace(batch, epoch=epoch)).loss.backward()
        learner.method.after_step()
        learner.method.end_epoch()
    learner.optimizer.zero_grad(set_to_none=True)
    return learner


class _Images:
    """A training set of one batch."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    def batches(self, epoch: int, *, augmented: bool) -> Iterator[Batch]:
        """Yield the batch, as part of that epoch."""
        yield replace(self._batch, epoch=epoch)


def _passes(learner: Learner, batch: Batch) -> list[tuple[nn.Module, int]]:
    """List the forward passes of one step, each as the convolution that sees the images and the number of images."""
    seen: list[tuple[nn.Module, int]] = []

    def note(module: nn.Module, inputs: Any) -> None:
        if isinstance(module, nn.Conv2d) and inputs[0].shape[1:] == batch.images.shape[1:]:
            seen.append((module, len(inputs[0])))

    handle = register_module_forward_pre_hook(note)
    try:
        learner.method(learner.forward, batch)
    finally:
        handle.remove()
    return seen


def _is_class_level(config: RunConfig) -> bool:
    """Return whether equal logits and equal classes get equal gradients, whatever the images are.

    The logits of one head in one pass are replaced by zeros: then only their targets can make the gradients at these
    zeros differ between two images of a class. Each head and pass takes its turn; views that go through the network
    together count as separate passes.
    """
    learner, batch = _started(config), _batch(config)
    pairs = [(i, i + 1) for i in range(0, _IMAGES, 2)]
    for place in range(_head_passes(learner, batch)):
        gradient = _gradient_at_zero(learner, batch, place)
        if gradient is not None and not all(torch.equal(gradient[i], gradient[j]) for i, j in pairs):
            return False
    return True


def _head_passes(learner: Learner, batch: Batch) -> int:
    with _replaced_logits(-1) as passes:
        learner.method(learner.forward, batch)
    return len(passes)


def _gradient_at_zero(learner: Learner, batch: Batch, place: int) -> Tensor | None:
    with _replaced_logits(place) as passes:
        learner.method(learner.forward, batch).loss.backward()
    return passes[place].grad


@contextmanager
def _replaced_logits(place: int) -> Iterator[list[Tensor]]:
    """Replace the logits of one pass of a classifier, counted from 0, by zeros; the list holds each pass's logits."""
    passes: list[Tensor] = []

    def replace(module: nn.Module, inputs: Any, output: Any) -> Tensor | None:
        if not isinstance(module, nn.Linear) or output.ndim != 2 or len(output) % _IMAGES:
            return None
        if not torch.is_grad_enabled():  # nothing is learned from it
            return None
        of_views = list(output.split(_IMAGES))
        own = place - len(passes)
        if 0 <= own < len(of_views):
            of_views[own] = torch.zeros_like(of_views[own]).requires_grad_()
        passes.extend(of_views)
        return torch.cat(of_views)

    handle = register_module_forward_hook(replace)  # type: ignore[arg-type]  # what it returns takes the output's place
    try:
        yield passes
    finally:
        handle.remove()
