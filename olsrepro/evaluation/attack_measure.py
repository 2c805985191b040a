"""Errors of a finished run on its test images under an attack (paper V-C, Tables VIII and IX)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from olsrepro.data.image_source import Images
from olsrepro.evaluation.attack import LOSSES
from olsrepro.evaluation.attack_settings import AttackSettings
from olsrepro.evaluation.classification import classify, percent_wrong, predicted
from olsrepro.evaluation.input_space import InputSpace, input_space
from olsrepro.evaluation.settings import WEIGHTS
from olsrepro.evaluation.subject import Result, Subject
from olsrepro.settings import UserError

Attack = Callable[[nn.Module, Tensor, Tensor, Tensor], Tensor]
"""Function from network, inputs (B, C, H, W), true classes (B,), sample indices (B,) to adversarial inputs."""


@dataclass(frozen=True)
class Attacked:
    """Test images after an attack, on the CPU.

    Attributes:
        targets: int64 (N,), true classes.
        logits: float32 (N, K) of the adversarial inputs, from a separate forward pass.
        kept: the first adversarial inputs, float32 (keep, 3, H, W), in the attack's input space.
    """

    targets: Tensor
    logits: Tensor
    kept: Tensor


def measure_attack(settings: AttackSettings, subject: Subject, attack: Attack) -> Result:
    """Attack a run's test images and measure the errors.

    Values are ``top1_err`` and ``top5_err`` after the attack, in percent of the attacked images; ``clean_err``, the
    top-1 error of all considered images before it; ``loss_before`` and ``loss_after``, the mean over the attacked
    images of the loss that the attack raises; and, where all images are attacked and any is classified correctly
    before, ``clean_correct_err``, the top-1 error after the attack among those.

    Raises:
        UserError: logits that are not finite, or no image left to attack.
    """
    images = subject.images("test")
    targets = images.targets[: settings.first]
    space = input_space(settings.input_space, subject)
    clean = _clean_logits(settings, space, images, len(targets))
    _check_finite(settings, subject, clean)
    chosen = _chosen(settings, subject, clean, targets)
    attacked = _attacked(settings, space, attack, images, chosen)
    return Result(
        values={"clean_err": classify(clean, targets).top1_err} | _values(settings, clean[chosen], attacked),
        samples=len(chosen),
        detail=_detail(settings, subject, len(targets)),
        tensors={"adversarial": attacked.kept, "indices": chosen[: settings.keep]} if settings.keep else {},
    )


def _clean_logits(settings: AttackSettings, space: InputSpace, images: Images, count: int) -> Tensor:
    """Compute logits (count, K) of the first images, without an attack."""
    parts = torch.split(torch.arange(count), settings.batch_size)
    return torch.cat([space.logits(space.inputs(images.pixels(part))) for part in parts]).cpu()


def _check_finite(settings: AttackSettings, subject: Subject, logits: Tensor) -> None:
    if not logits.isfinite().all():
        other = next(weights for weights in WEIGHTS if weights != settings.weights)
        raise UserError(
            f"{settings.name}.weights={settings.weights}: these weights of {subject.name} give logits that are not "
            f"finite; measure the other weights with {settings.name}.weights={other}"
        )


def _chosen(settings: AttackSettings, subject: Subject, clean: Tensor, targets: Tensor) -> Tensor:
    """Return the places in the test set, int64, of the images to attack."""
    if settings.images == "all":
        return torch.arange(len(targets))
    right = torch.nonzero(predicted(clean) == targets)[:, 0]
    if not len(right):
        raise UserError(
            f"{settings.name}.images=correct: {subject.name} classifies none of {len(targets)} test images correctly; "
            f"attack them all with {settings.name}.images=all"
        )
    return right


def _attacked(settings: AttackSettings, space: InputSpace, attack: Attack, images: Images, chosen: Tensor) -> Attacked:
    logits, kept, wanted, targets = [], [], settings.keep, images.targets
    for part in torch.split(chosen, settings.batch_size):
        inputs = space.inputs(images.pixels(part))
        adversarial = attack(space.network, inputs, targets[part].to(space.device), part)
        logits.append(space.logits(adversarial))
        kept.append(adversarial[:wanted].cpu())
        wanted -= len(kept[-1])
    return Attacked(targets[chosen], torch.cat(logits).cpu(), torch.cat(kept))


def _values(settings: AttackSettings, clean: Tensor, attacked: Attacked) -> dict[str, float]:
    """Compute the values after the attack; ``clean`` are logits (N, K) of the attacked images before it."""
    logits, targets = attacked.logits, attacked.targets
    after = classify(logits, targets)
    loss = LOSSES[settings.loss]
    values = {
        "top1_err": after.top1_err,
        "top5_err": after.top5_err,
        "loss_before": float(loss(clean.double(), targets).mean()),
        "loss_after": float(loss(logits.double(), targets).mean()),
    }
    was_right = predicted(clean) == targets
    if settings.images == "all" and was_right.any():
        still = (predicted(logits) == targets)[was_right]
        values["clean_correct_err"] = percent_wrong(int(still.sum()), len(still))
    return values


def _detail(settings: AttackSettings, subject: Subject, considered: int) -> dict[str, Any]:
    """Describe the attack: every parameter, the images considered, the bound in 255ths for each channel."""
    scale = subject.std if settings.input_space == "normalised" else torch.ones_like(subject.std)
    return {
        "parameters": settings.identity(),
        "test_images": considered,
        "epsilon_of_255": [round(255 * settings.bound * value, 4) for value in scale.tolist()],
    }
