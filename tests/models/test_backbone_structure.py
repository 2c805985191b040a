"""What the backbones compute: stages, shapes, initial weights, equality with torchvision's networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from backbone_yaml import settings
from batch_norm_states import mixed
from torch import Tensor, nn

from olsrepro.models.cifar_resnet.settings import Settings as CifarResNet
from olsrepro.models.registry import build_backbone
from olsrepro.models.resnext29.settings import Settings as ResNeXt29
from olsrepro.models.settings import BackboneSettings
from olsrepro.models.thin_resnet.settings import Settings as ThinResNet

SMALL = [
    ThinResNet(depth=11, width=0.25),
    ThinResNet(depth=8, block="basic", width=0.5),
    CifarResNet(depth=18, width=0.125),
    CifarResNet(depth=50, width=0.0625),
    ResNeXt29(cardinality=2, width=0.125),
    ResNeXt29(cardinality=32, width=0.25),
]
KINDS = ["thin-bottleneck", "thin-basic", "cifar-basic", "cifar-bottleneck", "resnext-2", "resnext-32"]
small = pytest.mark.parametrize("tiny", SMALL, ids=KINDS)


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]


@pytest.mark.parametrize(
    ("depth", "reference"), [(34, torchvision.models.resnet34), (50, torchvision.models.resnet50)], ids=["34", "50"]
)
def test_a_cifar_resnet_is_torchvisions_resnet_after_surgery(
    depth: int, reference: Callable[..., torchvision.models.ResNet]
) -> None:
    theirs = reference(num_classes=100)
    theirs.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    theirs.maxpool = nn.Identity()
    ours = build_backbone(CifarResNet(depth=depth), 100)
    shapes = [{key: value.shape for key, value in network.state_dict().items()} for network in (ours, theirs)]
    assert shapes[0] == shapes[1]
    ours.load_state_dict(mixed(theirs).state_dict())
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(images), theirs.eval()(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("made", "channels"),
    [
        (ThinResNet(depth=56), [64, 128, 256]),
        (ThinResNet(depth=56, block="basic"), [16, 32, 64]),
        (CifarResNet(depth=34), [64, 128, 256, 512]),
        (CifarResNet(depth=101), [256, 512, 1024, 2048]),
        (ResNeXt29(cardinality=2), [256, 512, 1024]),
        (ResNeXt29(cardinality=32), [256, 512, 1024]),
    ],
    ids=KINDS,
)
def test_stages_have_the_papers_names_channels_and_map_sizes(made: BackboneSettings, channels: list[int]) -> None:
    with torch.device("meta"):
        network = build_backbone(made, 10)
        maps = network.stage_features(torch.empty(2, 3, 32, 32))
    names = [f"layer{index + 1}" for index in range(len(channels))]
    assert network.stages == tuple(names)
    assert network.stage_channels == dict(zip(names, channels, strict=True))
    assert {name: tuple(found.shape) for name, found in maps.items()} == {
        name: (2, width, 32 >> index, 32 >> index)
        for index, (name, width) in enumerate(zip(names, channels, strict=True))
    }
    assert list(maps) == names


@small
def test_logits_are_the_classified_pool_of_the_last_stage(tiny: BackboneSettings) -> None:
    network = build_backbone(tiny, 7).eval()
    images = torch.randn(2, 3, 12, 12)
    last = network.stage_features(images)[network.stages[-1]]
    pooled = network.pool(last)
    assert pooled.shape == (2, network.stage_channels[network.stages[-1]])
    torch.testing.assert_close(pooled, last.flatten(2).mean(2))
    assert torch.equal(network(images), network.classify(pooled))


@small
@pytest.mark.parametrize("size", ["smallest", 8, 32])
def test_every_family_trains_on_images_of_many_sizes(tiny: BackboneSettings, size: Any) -> None:
    side = tiny.min_image_size if size == "smallest" else size
    assert tiny.min_image_size <= 8
    network = build_backbone(tiny, 5)
    logits = network(torch.randn(2, 3, side, side))
    logits.square().sum().backward()
    assert logits.shape == (2, 5)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@small
def test_the_last_map_of_the_smallest_image_is_one_pixel(tiny: BackboneSettings) -> None:
    network = build_backbone(tiny, 5).eval()
    maps = network.stage_features(torch.randn(1, 3, tiny.min_image_size, tiny.min_image_size))
    assert maps[network.stages[-1]].shape[2:] == (1, 1)


@pytest.mark.parametrize(
    ("whole", "half"),
    [
        (ThinResNet(depth=20), ThinResNet(depth=20, width=0.5)),
        (CifarResNet(depth=18), CifarResNet(depth=18, width=0.5)),
        (ResNeXt29(cardinality=32), ResNeXt29(cardinality=32, width=0.5)),
    ],
    ids=["thin_resnet", "cifar_resnet", "resnext29"],
)
def test_width_one_half_halves_every_channel_count(whole: BackboneSettings, half: BackboneSettings) -> None:
    with torch.device("meta"):
        wide, thin = build_backbone(whole, 10), build_backbone(half, 10)
    pairs = list(zip(convolutions(wide), convolutions(thin), strict=True))
    assert all(large.out_channels == 2 * little.out_channels for large, little in pairs)
    assert {name: 2 * count for name, count in thin.stage_channels.items()} == wide.stage_channels


@pytest.mark.parametrize("factor", [1 / 3, 0.34])
@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("resnet29", [1, 1, 1]),
        ("resnet56", [2, 2, 2]),
        ("resnet74", [3, 3, 3]),
        ("resnet110", [4, 4, 4]),
        ("cifar_resnet34", [1, 1, 2, 1]),
        ("cifar_resnet50", [1, 1, 2, 1]),
        ("cifar_resnet101", [1, 1, 8, 1]),
        ("resnext29_2x64d", [1, 1, 1]),
        ("resnext29_32x4d", [1, 1, 1]),
    ],
)
def test_a_third_of_the_depth_tells_the_papers_backbones_apart(name: str, blocks: list[int], factor: float) -> None:
    with torch.device("meta"):
        network = build_backbone(settings(name, depth_factor=factor), 10)
    assert [len(network.get_submodule(stage)) for stage in network.stages] == blocks


def test_a_tiny_width_keeps_one_channel_in_every_group() -> None:
    with torch.device("meta"):
        network = build_backbone(ResNeXt29(cardinality=32, width=0.01), 10)
    grouped = [module for module in convolutions(network) if module.groups > 1]
    assert {(module.groups, module.out_channels) for module in grouped} == {(32, 32)}


@pytest.mark.parametrize("made", [ThinResNet(depth=29), CifarResNet(depth=18)], ids=["thin_resnet", "cifar_resnet"])
def test_convolutions_start_from_the_fan_out_normal(made: BackboneSettings) -> None:
    torch.manual_seed(0)
    network = build_backbone(made, 10)
    scores = torch.cat(
        [
            module.weight.detach().flatten() / math.sqrt(2 / (module.kernel_size[0] ** 2 * module.out_channels))
            for module in convolutions(network)
        ]
    )
    assert scores.std().item() == pytest.approx(1, abs=0.01)
    assert scores.mean().item() == pytest.approx(0, abs=0.01)
    assert scores.pow(4).mean().item() == pytest.approx(3, abs=0.1)


def test_resnext_starts_from_pytorchs_default() -> None:
    torch.manual_seed(0)
    network = build_backbone(ResNeXt29(cardinality=2, width=0.5), 10)
    scores = torch.cat(
        [module.weight.detach().flatten() * math.sqrt(module.weight[0].numel()) for module in convolutions(network)]
    )
    assert scores.abs().max().item() <= 1 + 1e-5
    assert scores.std().item() == pytest.approx(1 / math.sqrt(3), abs=0.01)


@small
def test_batch_norms_start_at_one_and_zero(tiny: BackboneSettings) -> None:
    norms = [module for module in build_backbone(tiny, 10).modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert all((norm.weight == 1).all() and (norm.bias == 0).all() for norm in norms)


@small
def test_one_seed_gives_one_trunk_whatever_the_number_of_classes(tiny: BackboneSettings) -> None:
    def drawn(seed: int, num_classes: int) -> dict[str, Tensor]:
        torch.manual_seed(seed)
        return build_backbone(tiny, num_classes).state_dict()

    first, again, other = drawn(3, 10), drawn(3, 10), drawn(4, 10)
    assert all(torch.equal(value, again[key]) for key, value in first.items())
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])
    more_classes = drawn(3, 100)
    assert all(torch.equal(value, more_classes[key]) for key, value in first.items() if not key.startswith("fc."))


@pytest.mark.parametrize(
    ("name", "fingerprint"),
    [
        ("resnet20", 18.659064954),
        ("resnet29", 28.869763644),
        ("cifar_resnet18", 21.123934353),
        ("resnext29_32x4d", 18.290013715),
    ],
)
def test_a_network_still_computes_what_it_computed(name: str, fingerprint: float) -> None:
    """A changed number means that results change: raise the family's ``version`` with it."""
    torch.manual_seed(0)
    network = build_backbone(settings(name), 10).double().train()
    images = torch.linspace(-2, 2, 4 * 3 * 16 * 16, dtype=torch.float64).sin().mul(37).frac().view(4, 3, 16, 16)
    with torch.no_grad():
        found = network(images).abs().sum().item()
    assert found == pytest.approx(fingerprint, rel=1e-6)
