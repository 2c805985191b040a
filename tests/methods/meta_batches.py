"""Networks and batches that the tests of meta-gradients share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from olsrepro.config.compose import compose_run
from olsrepro.data.batch import Batch
from olsrepro.methods.base import MethodContext
from olsrepro.models.registry import build_backbone

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "golden_noisy.json").read_text())
CLASSES = 5


def exact(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def assert_golden(actual: Tensor, expected: Any) -> None:
    torch.testing.assert_close(actual.detach(), exact(expected), rtol=1e-8, atol=2e-10)


def residual_network(dtype: torch.dtype = torch.float64) -> nn.Module:
    """A small residual network with batch normalisation whose scales and shifts are no longer 1 and 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_backbone(compose_run(["backbone=resnet8", "backbone.width=0.25"]).backbone, CLASSES)
        for parameter in network.parameters():
            if parameter.ndim == 1:
                parameter.data += 0.3 * torch.randn_like(parameter)
    return network.to(dtype).train()


def images_batch(size: int = 12, clean: int = 7, dtype: torch.dtype = torch.float64, seed: int = 1) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(size + clean, 3, 8, 8, generator=generator, dtype=torch.float64).to(dtype)
    targets = torch.randint(CLASSES, (size + clean,), generator=generator)
    parts = (images[size:], targets[size:])
    return Batch(images[:size], targets[:size], torch.arange(size), 0, (), *parts)


def golden_network() -> nn.Linear:
    network = nn.Linear(2, 3, bias=False).double()
    network.weight.data.copy_(exact(GOLDEN["l2rw"]["W"]))
    return network


def golden_batch(clean: dict[str, Any] | None = None) -> Batch:
    values = GOLDEN["l2rw"]
    clean = clean or values
    targets = torch.tensor(values["train_y"])
    parts = (exact(clean["clean_x"]), torch.tensor(clean["clean_y"]))
    return Batch(exact(values["train_x"]), targets, torch.arange(len(targets)), 0, (), *parts)


def setting_of(network: Any, epochs: int = 3, rate: float = 0.1, **more: Any) -> MethodContext:
    return MethodContext(CLASSES, 0, epochs, 40, 8, network, learning_rate=lambda _: rate, **more)
