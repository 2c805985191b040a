"""What PGD costs beside the passes that it cannot do without, on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from olsrepro.evaluation.attack import pgd
from olsrepro.evaluation.pgd.measure import measure
from olsrepro.evaluation.pgd.settings import Settings
from olsrepro.evaluation.subject import Subject
from olsrepro.models.backbone import Backbone
from olsrepro.models.cifar_resnet.settings import Settings as CifarResNet
from olsrepro.models.registry import build_backbone
from olsrepro.models.settings import BackboneSettings
from olsrepro.models.thin_resnet.settings import Settings as ThinResNet

from .pairs import paired, row

ITERATIONS = 20
CLASSES = 10
BOUND = 1.1


def rows(rounds: int = 15) -> list[dict[str, Any]]:
    """PGD-20 on 32 x 32 against 20 forward-backward passes of its network, with the gradient to the input only.

    The third row is the whole evaluation, which also passes forward before and after the attack.
    """
    return [
        _attack("pgd20_resnet29", ThinResNet(depth=29), 16, rounds),
        _attack("pgd20_cifar_resnet18", CifarResNet(depth=18), 4, rounds),
        _evaluation("pgd20_resnet29_evaluation", ThinResNet(depth=29), 16, rounds),
    ]


def _attack(name: str, settings: BackboneSettings, batch: int, rounds: int) -> dict[str, Any]:
    network, (images, targets) = _network(settings), _batch(batch)
    pixels = images.float() / 255

    def attack() -> Tensor:
        return pgd(network, pixels, targets, epsilon=8 / 255, step_size=2 / 255, iterations=ITERATIONS)

    pairs = paired(attack, _passes(network, pixels, targets), rounds=rounds, warmup=1)
    return row(name, pairs, BOUND, "lower")


def _evaluation(name: str, settings: BackboneSettings, batch: int, rounds: int) -> dict[str, Any]:
    network, (images, targets) = _network(settings), _batch(batch)
    subject = SimpleNamespace(
        name=name,
        seed=0,
        device=torch.device("cpu"),
        mean=torch.zeros(3),
        std=torch.ones(3),
        network=lambda: network,
        images=lambda split: (images, targets),
    )
    ours = Settings(iterations=ITERATIONS, batch_size=batch)
    baseline = _passes(network, images.float() / 255, targets)
    pairs = paired(lambda: measure(ours, cast("Subject", subject)), baseline, rounds=rounds, warmup=1)
    return row(name, pairs, BOUND, "lower")


def _passes(network: Backbone, pixels: Tensor, targets: Tensor) -> Callable[[], None]:
    inputs = pixels.clone().requires_grad_()

    def passes() -> None:
        for _ in range(ITERATIONS):
            torch.autograd.grad(F.cross_entropy(network(inputs), targets), inputs)

    return passes


def _network(settings: BackboneSettings) -> Backbone:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_backbone(settings, CLASSES).eval().requires_grad_(False)


def _batch(count: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
    return images, torch.arange(count) % CLASSES
