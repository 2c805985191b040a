"""What every backbone in configs/backbone must do, shrunk where it has a width."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import pytest
import torch
from backbone_yaml import NAMES, settings, values
from torch import Tensor

from olsrepro.models.backbone import Backbone
from olsrepro.models.registry import build_backbone

CLASSES = 6
every_backbone = pytest.mark.parametrize("name", NAMES)


def built(name: str, seed: int = 0, **changes: Any) -> Backbone:
    torch.manual_seed(seed)
    shrink: dict[str, Any] = {"width": 0.125} if "width" in values(name) else {}
    return build_backbone(settings(name, **shrink, **changes), CLASSES)


def shapes(network: Backbone) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in network.state_dict().items()}


@cache
def images(name: str) -> Tensor:
    side = max(16, settings(name).min_image_size)
    return torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(7))


@every_backbone
def test_every_parameter_gets_a_finite_gradient(name: str) -> None:
    network = built(name)
    logits = network(images(name))
    torch.nn.functional.cross_entropy(logits, torch.arange(3)).backward()
    assert logits.shape == (3, CLASSES)
    assert logits.dtype == torch.float32
    broken = [key for key, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not broken


@every_backbone
def test_the_state_survives_a_file_that_holds_only_weights(name: str) -> None:
    network, other = built(name).eval(), built(name, seed=1).eval()
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    with torch.no_grad():
        assert torch.equal(network(images(name)), other(images(name)))


@every_backbone
def test_only_training_moves_the_running_statistics(name: str) -> None:
    network = built(name)
    moved = []
    for training in (False, True):
        before = {key: value.clone() for key, value in network.named_buffers()}
        with torch.no_grad():
            network.train(training)(images(name))
        moved.append(any(not torch.equal(value, before[key]) for key, value in network.named_buffers()))
    assert moved == [False, True]


@every_backbone
def test_channels_last_gives_the_same_logits(name: str) -> None:
    network = built(name).eval()
    with torch.no_grad():
        plain = network(images(name))
        network = network.to(memory_format=torch.channels_last)
        last = network(images(name).to(memory_format=torch.channels_last))
    torch.testing.assert_close(last, plain, rtol=1e-4, atol=1e-4)


@every_backbone
def test_bfloat16_autocast_trains(name: str) -> None:
    network = built(name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(images(name))
    logits.float().square().sum().backward()
    assert logits.dtype == torch.bfloat16
    assert logits.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@every_backbone
def test_a_depth_factor_adds_or_takes_whole_blocks_and_changes_no_other(name: str) -> None:
    whole, shallow, deep = built(name), built(name, depth_factor=0.34), built(name, depth_factor=2.0)
    assert shallow.stage_channels == whole.stage_channels == deep.stage_channels
    assert shapes(shallow).items() <= shapes(whole).items() < shapes(deep).items()
    assert shallow(images(name)).shape == (3, CLASSES)


@every_backbone
def test_stage_features_come_in_order_and_shrink(name: str) -> None:
    network = built(name).eval()
    with torch.no_grad():
        maps = network.stage_features(images(name))
    assert tuple(maps) == network.stages == tuple(network.stage_channels)
    assert {key: found.shape[1] for key, found in maps.items()} == network.stage_channels
    sides = [found.shape[-1] for found in maps.values()]
    assert sides == sorted(sides, reverse=True)
