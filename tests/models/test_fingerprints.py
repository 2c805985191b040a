"""The networks that libraries build are still those that results were made with.

A change here comes with a release of timm or torchvision, or with our own code. If the network is meant to change,
raise its family's ``version`` and write what the failing test shows into ``tests/golden/backbone_fingerprints.json``.
"""

from __future__ import annotations

import hashlib
import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from backbone_yaml import NAMES, settings
from torch import Tensor, nn

from olsrepro.models.count import parameter_count
from olsrepro.models.library import LibrarySettings
from olsrepro.models.registry import build_network

GOLDEN: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "golden" / "backbone_fingerprints.json").read_text()
)
CLASSES = 10


def pseudo_random(count: int, start: int) -> Tensor:
    """Numbers (count,) in (-1, 1) that need no generator: digits of a sine far behind the point."""
    return torch.arange(start, start + count, dtype=torch.float64).sin().mul(43758.5453).frac()


@torch.no_grad()
def filled(network: nn.Module) -> nn.Module:
    """In float64, with weights that keep activations near 1 and a state of its own for every batch norm."""
    start = 1
    for key, value in network.double().state_dict().items():
        draws = pseudo_random(value.numel(), start).view(value.shape)
        start += value.numel()
        if value.dim() > 1:
            value.copy_(draws * (3 / value[0].numel()) ** 0.5)
        elif key.endswith(("running_var", "weight")):
            value.copy_(1 + draws / 4)
        elif value.is_floating_point():
            value.copy_(draws / 4)
    return network


def names_and_shapes(network: nn.Module) -> str:
    lines = "\n".join(f"{key} {tuple(value.shape)}" for key, value in network.state_dict().items())
    return hashlib.sha256(lines.encode()).hexdigest()


def summed(network: nn.Module, images: Tensor) -> float:
    """Of the logits, or of a detector's raw maps."""
    with torch.no_grad():
        outputs = filled(network).eval()(images)
    return sum(one.sum().item() for one in ([outputs] if isinstance(outputs, Tensor) else outputs))


@cache
def found(name: str) -> dict[str, Any]:
    network = build_network(settings(name), CLASSES)
    fingerprint = {"state": names_and_shapes(network), "params": parameter_count(network)}
    images = pseudo_random(2 * 3 * 64 * 64, 1).view(2, 3, 64, 64)
    return fingerprint | {"logits_sum": summed(network, images)}


def test_every_network_of_a_library_has_a_fingerprint() -> None:
    assert set(GOLDEN) == {name for name in NAMES if isinstance(settings(name), LibrarySettings)}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_librarys_network_has_the_layers_that_it_had(name: str) -> None:
    golden = {key: GOLDEN[name][key] for key in ("state", "params")}
    assert {key: found(name)[key] for key in golden} == golden


@pytest.mark.parametrize("name", GOLDEN)
def test_a_librarys_network_computes_what_it_computed(name: str) -> None:
    assert found(name)["logits_sum"] == pytest.approx(GOLDEN[name]["logits_sum"], rel=1e-6)


@pytest.mark.parametrize(
    ("name", "changes"),
    [("efficientnet_b7", {"model": "efficientnet_b7"}), ("mobilenetv2", {"width": 1.5}), ("resnet50", {"depth": 101})],
)
def test_another_network_has_another_fingerprint(name: str, changes: dict[str, Any]) -> None:
    images = pseudo_random(2 * 3 * 64 * 64, 1).view(2, 3, 64, 64)
    total = summed(build_network(settings(name, **changes), CLASSES), images)
    assert math.isfinite(total)
    assert total != pytest.approx(GOLDEN[name]["logits_sum"], rel=1e-3)
