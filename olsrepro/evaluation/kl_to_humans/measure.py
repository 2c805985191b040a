"""Divergence of a run from what people see in the test images (Table XII)."""

from __future__ import annotations

import torch
from torch import Tensor

from olsrepro.data.image_source import normalised_batches
from olsrepro.evaluation.classification import predicted
from olsrepro.evaluation.kl_to_humans.batch_norm import batch_statistics
from olsrepro.evaluation.kl_to_humans.divergence import class_divergence, divergence_of_logits, mean_of_batch_means
from olsrepro.evaluation.kl_to_humans.settings import Settings
from olsrepro.evaluation.subject import Result, Subject
from olsrepro.settings import UserError

BATCH = 128  # the authors' batch size, which both of their quirks depend on


def measure(settings: Settings, subject: Subject) -> Result:
    """Measure ``kl_to_humans`` in nats, by image or by class.

    Raises:
        UserError: the data set has no human labels; the run classifies no image correctly; or (``level=class``) it
            keeps no soft labels, or they exclude a class that people see.
    """
    return _of_classes(subject) if settings.level == "class" else _of_images(settings, subject)


def _of_images(settings: Settings, subject: Subject) -> Result:
    human = subject.human_labels()
    logits, targets = _batch_norm_logits(subject) if settings.bn == "batch" else subject.test_logits()
    values, correct = divergence_of_logits(human.shares, logits), predicted(logits) == targets
    chosen = correct if settings.samples == "correct" else torch.ones_like(correct)
    if not chosen.any():
        hint = "kl_to_humans.samples=all measures it on all of them"
        raise UserError(f"{subject.name} classifies no test image correctly; {hint}")
    # A single batch of all images: its mean is that over the images.
    batch_size = BATCH if settings.average == "batches" else len(values)
    return Result(
        values={"kl_to_humans": mean_of_batch_means(values, chosen, batch_size)},
        samples=int(chosen.sum()),
        detail={"human_labels": human.source, "correct": int(correct.sum()), "mean_over_all": float(values.mean())},
        tensors={"divergence": values, "correct": correct},
    )


def _of_classes(subject: Subject) -> Result:
    human = subject.human_labels()
    targets = subject.images("test").targets
    values = class_divergence(human.shares, targets, subject.label_table())
    if values.isinf().any():
        name = subject.class_names[int(values.isinf().nonzero()[0])]
        raise UserError(
            f"{subject.name}'s soft label of {name} is 0 for a class that people see in its images, so the divergence "
            "is infinite; kl_to_humans.level=image compares the network's probabilities"
        )
    return Result(
        values={"kl_to_humans": float(values.mean())},
        samples=len(targets),
        detail={"human_labels": human.source, "by_class": dict(zip(subject.class_names, values.tolist(), strict=True))},
    )


def _batch_norm_logits(subject: Subject) -> tuple[Tensor, Tensor]:
    """Compute logits (N, K), each batch of 128 test images in order normalised by itself, and labels (N,); CPU."""
    network = subject.network()
    images = subject.images("test")
    batches = normalised_batches(images, torch.arange(len(images)), subject.mean, subject.std, BATCH, subject.device)
    with torch.no_grad(), batch_statistics(network):
        return torch.cat([network(batch).cpu() for batch in batches]), images.targets
