"""Measured facts that need no training: what lies in a data set's files, what a label method does in one step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from olsrepro.config.run_config import RunConfig
from olsrepro.data.batch import Batch
from olsrepro.data.registry import read_dataset
from olsrepro.launch.provenance import now, this_process
from olsrepro.models.backbone import Backbone
from olsrepro.models.registry import build_backbone
from olsrepro.store.facts import facts_folder, facts_id
from olsrepro.store.record import FINISHED, write_record
from olsrepro.training.setup import build_learner
from olsrepro.training.trainer import Learner

Facts = dict[str, float]
CPU = torch.device("cpu")
_IMAGES = 8


def measure(kind: str, config: RunConfig) -> Path:
    """Measure the facts of a run's data set or method and leave them in the store; the record's path.

    Args:
        kind: ``dataset`` or ``method``.
        config: a run with that component.

    Raises:
        UserError: data are missing.
    """
    name = facts_id(kind, config)
    record = {
        "run_id": name,
        "status": FINISHED,
        "facts": MEASURES[kind](config),
        "history": [this_process(config.runtime, CPU)],
        "finished": now(),
    }
    folder = facts_folder(Path(config.runtime.runs_dir), name)
    folder.mkdir(parents=True, exist_ok=True)
    return write_record(folder, record)


def dataset_facts(config: RunConfig) -> Facts:
    """Classes that occur in the training labels, training and test images, counted in the files (Table V)."""
    data = read_dataset(config.dataset, Path(config.runtime.data_dir))
    return {
        "categories": float(len(set(data.train_targets.tolist()))),
        "train_images": float(len(data.train_images)),
        "test_images": float(len(data.test_images)),
    }


def method_facts(config: RunConfig) -> Facts:
    """What a label method does in one training step (Table I).

    ``forward_passes`` counts calls of any backbone; ``teacher`` is 1 if another network than the trained one is called;
    ``special_network`` is 1 if what is trained has weights that the plain backbone lacks; ``class_level`` is 1 if two
    images of one class always get the same target.
    """
    learner = _learner(config)
    called = _called_backbones(learner, _batch(config))
    with torch.random.fork_rng(devices=[]):
        plain = {name for name, _ in build_backbone(config.backbone, config.dataset.num_classes).named_parameters()}
    trained = {name for name, _ in learner.network.named_parameters()}
    return {
        "class_level": float(_is_class_level(config)),
        "teacher": float(any(backbone is not learner.network for backbone in called)),
        "special_network": float(trained != plain or any(True for _ in learner.method.parameters())),
        "forward_passes": float(len(called)),
    }


MEASURES: dict[str, Callable[[RunConfig], Facts]] = {"dataset": dataset_facts, "method": method_facts}


def _learner(config: RunConfig) -> Learner:
    return build_learner(
        config.backbone, config.method, config.dataset, config.recipe, config.runtime, config.seed, CPU
    )


def _batch(config: RunConfig) -> Batch:
    """Noise for images; every class is there twice, so that targets can be compared within one."""
    side = config.dataset.image_size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        images = torch.randn(_IMAGES, 3, side, side)
    return Batch(images, torch.arange(_IMAGES) // 2 % config.dataset.num_classes, torch.arange(_IMAGES), 0)


def _called_backbones(learner: Learner, batch: Batch) -> list[Backbone]:
    """The backbone of every forward pass of one step."""
    called: list[Backbone] = []

    def note(module: nn.Module, inputs: Any) -> None:
        if isinstance(module, Backbone):
            called.append(module)

    handle = register_module_forward_pre_hook(note)
    try:
        learner.method(learner.forward, batch)
    finally:
        handle.remove()
    return called


def _is_class_level(config: RunConfig) -> bool:
    """Whether equal logits and equal classes get equal gradients, whatever the images are.

    The logits of one head in one pass are replaced by zeros: what then tells two images of a class apart in the
    gradient at these zeros is their target, and nothing else. Every head and pass takes its turn.
    """
    learner, batch = _learner(config), _batch(config)
    pairs = [(i, i + 1) for i in range(0, _IMAGES, 2)]
    for place in range(_head_calls(learner, batch)):
        gradient = _gradient_at_zero(learner, batch, place)
        if gradient is not None and not all(torch.equal(gradient[i], gradient[j]) for i, j in pairs):
            return False
    return True


def _head_calls(learner: Learner, batch: Batch) -> int:
    with _replaced_logits(-1, batch) as calls:
        learner.method(learner.forward, batch)
    return len(calls)


def _gradient_at_zero(learner: Learner, batch: Batch, place: int) -> Tensor | None:
    with _replaced_logits(place, batch) as calls:
        learner.method(learner.forward, batch).loss.backward()
    return calls[place].grad


@contextmanager
def _replaced_logits(place: int, batch: Batch) -> Iterator[list[Tensor]]:
    """Zeros instead of the logits of one call of a classifier, counted from 0; the list holds every call's logits."""
    calls: list[Tensor] = []

    def replace(module: nn.Module, inputs: Any, output: Any) -> Tensor | None:
        if not isinstance(module, nn.Linear) or output.ndim != 2 or len(output) != len(batch.images):
            return None
        zeros = torch.zeros_like(output).requires_grad_() if len(calls) == place else None
        calls.append(output if zeros is None else zeros)
        return zeros

    handle = register_module_forward_hook(replace)  # type: ignore[arg-type]  # what it returns takes the output's place
    try:
        yield calls
    finally:
        handle.remove()
