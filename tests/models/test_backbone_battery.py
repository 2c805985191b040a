"""What every backbone in configs/backbone must do, shrunk where it has a width."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import pytest
import torch
from backbone_yaml import CLASSIFIERS, NAMES, settings, values
from torch import Tensor, nn

from olsrepro.models.backbone import Backbone
from olsrepro.models.registry import build_backbone, build_network
from olsrepro.models.settings import BackboneSettings

CLASSES = 6
every_backbone = pytest.mark.parametrize("name", NAMES)
every_classifier = pytest.mark.parametrize("name", CLASSIFIERS)


def small(name: str, **changes: Any) -> BackboneSettings:
    shrink: dict[str, Any] = {"width": 0.125} if "width" in values(name) else {}
    return settings(name, **shrink, **changes)


def network_of(name: str, seed: int = 0, **changes: Any) -> nn.Module:
    torch.manual_seed(seed)
    return build_network(small(name, **changes), CLASSES)


def classifier(name: str) -> Backbone:
    torch.manual_seed(0)
    return build_backbone(small(name), CLASSES)


def outputs(network: nn.Module, pixels: Tensor) -> list[Tensor]:
    """Logits, or a detector's raw maps."""
    found = network(pixels)
    return [found] if isinstance(found, Tensor) else found


def shapes(network: nn.Module) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in network.state_dict().items()}


@cache
def images(name: str) -> Tensor:
    side = max(16, settings(name).min_image_size)
    return torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(7))


@every_classifier
def test_every_parameter_gets_a_finite_gradient(name: str) -> None:
    network = classifier(name)
    logits = network(images(name))
    torch.nn.functional.cross_entropy(logits, torch.arange(3)).backward()
    assert logits.shape == (3, CLASSES)
    assert logits.dtype == torch.float32
    broken = [key for key, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not broken


@every_backbone
def test_the_state_survives_a_file_that_holds_only_weights(name: str) -> None:
    network, other = network_of(name).eval(), network_of(name, seed=1).eval()
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    with torch.no_grad():
        pairs = zip(outputs(network, images(name)), outputs(other, images(name)), strict=True)
        assert all(torch.equal(one, two) for one, two in pairs)


@every_backbone
def test_only_training_moves_the_running_statistics(name: str) -> None:
    network = network_of(name)
    moved = []
    for training in (False, True):
        before = {key: value.clone() for key, value in network.named_buffers()}
        with torch.no_grad():
            network.train(training)(images(name))
        moved.append(any(not torch.equal(value, before[key]) for key, value in network.named_buffers()))
    assert moved == [False, True]


@every_backbone
def test_channels_last_gives_the_same_outputs(name: str) -> None:
    network = network_of(name).eval()
    with torch.no_grad():
        plain = outputs(network, images(name))
        network.to(memory_format=torch.channels_last)
        last = outputs(network, images(name).to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, plain, rtol=1e-4, atol=1e-4)


@every_backbone
def test_bfloat16_autocast_trains(name: str) -> None:
    network = network_of(name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = outputs(network, images(name))
    torch.stack([one.float().square().sum() for one in found]).sum().backward()
    assert {one.dtype for one in found} == {torch.bfloat16}
    assert all(one.isfinite().all() for one in found)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@every_backbone
def test_a_depth_factor_adds_or_takes_whole_blocks_and_changes_no_other(name: str) -> None:
    whole, shallow, deep = network_of(name), network_of(name, depth_factor=0.34), network_of(name, depth_factor=2.0)
    assert shapes(shallow).items() <= shapes(whole).items() < shapes(deep).items()
    sizes = [[one.shape for one in outputs(network, images(name))] for network in (shallow, whole)]
    assert sizes[0] == sizes[1]


@every_classifier
def test_stage_features_come_in_order_and_shrink(name: str) -> None:
    network = classifier(name).eval()
    with torch.no_grad():
        maps = network.stage_features(images(name))
    assert tuple(maps) == network.stages == tuple(network.stage_channels)
    assert {key: found.shape[1] for key, found in maps.items()} == network.stage_channels
    sides = [found.shape[-1] for found in maps.values()]
    assert sides == sorted(sides, reverse=True)
