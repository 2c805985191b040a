"""Side heads: the table of their parameters to the unit, strides from any backbone's stages, how they are drawn."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from backbone_yaml import CLASSIFIERS, settings
from torch import Tensor, nn

from olsrepro.models.backbone import Backbone
from olsrepro.models.cifar_resnet.settings import Settings as CifarResNet
from olsrepro.models.count import mac_count, parameter_count
from olsrepro.models.registry import build_backbone
from olsrepro.models.resnext29.settings import Settings as ResNeXt29
from olsrepro.models.side_heads import SideHead, map_sides, side_heads, strides
from olsrepro.randomness import stream
from olsrepro.settings import UserError

WIDE = (18_170_980, 5_719_140, 2_835_556)
GROUPED = (4_629_092, 1_548_900)
TABLE = [
    ("cifar_resnet34", 512, 21_328_292, (1_175_908, 397_668, 217_444), 23_119_312),
    ("cifar_resnet50", 2048, 23_705_252, WIDE, 50_430_928),
    ("cifar_resnet101", 2048, 42_697_380, WIDE, 69_423_056),
    ("resnext29_2x64d", 1024, 9_221_028, GROUPED, 15_399_020),
    ("resnext29_32x4d", 1024, 4_866_468, GROUPED, 11_044_460),
]
K_1000 = {512: 513_000, 1024: 1_025_000, 2048: 2_049_000}


class WithHeads(nn.Module):
    def __init__(self, backbone: Backbone, heads: nn.ModuleDict) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = heads

    def forward(self, images: Tensor) -> list[Tensor]:
        *early, last = (maps := self.backbone.stage_features(images))
        main = self.backbone.classify(self.backbone.pool(maps[last]))
        return [main, *(self.heads[name](maps[name]) for name in early)]


class OneStage(Backbone):
    def __init__(self) -> None:
        super().__init__()
        self.only = nn.Conv2d(3, 8, 3)
        self.set_stages({"only": 8})

    def stage_features(self, images: Tensor) -> dict[str, Tensor]:
        return {"only": self.only(images)}

    def classify(self, pooled: Tensor) -> Tensor:
        return pooled


@cache
def on_meta(name: str, num_classes: int = 100) -> Backbone:
    with torch.device("meta"):
        return build_backbone(settings(name), num_classes)


def heads_on_meta(backbone: Backbone, num_classes: int, image_size: int) -> nn.ModuleDict:
    with torch.device("meta"):
        return side_heads(backbone, num_classes, image_size)


def kernels(heads: nn.ModuleDict) -> dict[str, int]:
    return {name: head.conv2.stride[0] for name, head in heads.items()}


@pytest.mark.parametrize(("name", "width", "trunk", "each", "total"), TABLE)
def test_heads_and_trunk_have_the_parameters_of_the_table(
    name: str, width: int, trunk: int, each: tuple[int, ...], total: int
) -> None:
    network = on_meta(name)
    heads = heads_on_meta(network, 100, 32)
    assert tuple(parameter_count(head) for head in heads.values()) == each
    assert parameter_count(network) == trunk
    assert parameter_count(network) + parameter_count(heads) == total
    assert all(head.conv3.out_channels == width for head in heads.values())


@pytest.mark.parametrize(("name", "width", "trunk", "each", "total"), TABLE)
def test_a_thousand_classes_change_a_heads_linear_layer_only(
    name: str, width: int, trunk: int, each: tuple[int, ...], total: int
) -> None:
    heads = heads_on_meta(on_meta(name), 1000, 32)
    linear = width * 100 + 100
    expected = tuple(count - linear + K_1000[width] for count in each)
    assert tuple(parameter_count(head) for head in heads.values()) == expected


def test_heads_stand_after_each_stage_but_the_last_with_the_tables_strides() -> None:
    assert kernels(heads_on_meta(on_meta("cifar_resnet34"), 100, 32)) == {"layer1": 8, "layer2": 4, "layer3": 2}
    assert kernels(heads_on_meta(on_meta("resnext29_2x64d"), 100, 32)) == {"layer1": 8, "layer2": 4}


@pytest.mark.parametrize(
    ("name", "trunk", "total"), [("resnet50", 25_557_032, 57_815_008), ("resnet101", 44_549_160, 76_807_136)]
)
def test_an_imagenet_resnet_takes_the_wide_heads_by_its_stages(name: str, trunk: int, total: int) -> None:
    network = on_meta(name, 1000)
    heads = heads_on_meta(network, 1000, 224)
    assert kernels(heads) == {"layer1": 8, "layer2": 4, "layer3": 2}
    assert tuple(parameter_count(head) for head in heads.values()) == tuple(
        count - 204_900 + 2_049_000 for count in WIDE
    )
    assert parameter_count(network) == trunk
    assert parameter_count(network) + parameter_count(heads) == total
    maps = network.stage_features(torch.empty(2, 3, 224, 224, device="meta"))
    assert {heads[name].bottleneck(maps[name]).shape for name in heads} == {(2, 2048, 7, 7)}


def test_an_imagenet_resnet50_and_its_heads_take_six_giga_multiply_adds() -> None:
    network = on_meta("resnet50", 1000)
    both = WithHeads(network, heads_on_meta(network, 1000, 224))
    assert round(mac_count(both, 224) / 1e9, 3) == 6.048


def test_heads_of_an_imagenet_resnet_are_drawn_as_its_own_layers() -> None:
    with stream(0, "init"):
        head = side_heads(build_backbone(settings("resnet50", width=0.25, depth_factor=0.34), 10), 10, 64)["layer1"]
    # conv1: 64 -> 128 by 1 x 1, so fan-out 128 against a fan-in of 64.
    assert head.conv1.weight.std().item() == pytest.approx((2 / 128) ** 0.5, rel=0.05)
    assert 0 < head.fc.weight.abs().max() <= 512**-0.5


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_backbone_of_the_house_takes_heads_at_full_size(name: str) -> None:
    network = on_meta(name)
    side = 128 if settings(name).counted_at == 224 else 32
    heads = heads_on_meta(network, 7, side)
    maps = network.stage_features(torch.empty(2, 3, side, side, device="meta"))
    assert {heads[stage].bottleneck(maps[stage]).shape[-1] for stage in heads} == {4}
    assert {tuple(head(maps[stage]).shape) for stage, head in heads.items()} == {(2, 7)}


@pytest.mark.parametrize("image_size", [8, 28, 30, 33])
def test_an_image_of_another_size_changes_the_strides_not_the_logits_shape(image_size: int) -> None:
    network = build_backbone(CifarResNet(depth=18, width=1 / 32), 3)
    heads = side_heads(network, 5, image_size)
    maps = network.stage_features(torch.zeros(2, 3, image_size, image_size))
    sides = {name: features.shape[-1] for name, features in maps.items()}
    assert map_sides(network, image_size) == sides
    assert kernels(heads) == strides(sides)
    assert {tuple(head(maps[name]).shape) for name, head in heads.items()} == {(2, 5)}


@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        ([32, 16, 8, 4], [8, 4, 2]),
        ([32, 16, 8], [8, 4]),
        ([56, 28, 14, 7], [8, 4, 2]),
        ([112, 56, 28, 14, 7], [16, 8, 4, 2]),
        ([4, 2, 1], [4, 2]),
        ([5, 5], [5]),
        ([8, 16, 32], [8, 16]),
    ],
)
def test_every_head_ends_on_a_map_of_one_side(sides: list[int], expected: list[int]) -> None:
    assert list(strides({f"stage{at}": side for at, side in enumerate(sides)}).values()) == expected


def test_a_backbone_of_one_stage_has_no_place_for_heads() -> None:
    with pytest.raises(UserError, match="two or more stages, this one has only only"):
        side_heads(OneStage(), 3, 8)


def test_building_heads_leaves_the_backbone_and_what_it_would_draw_as_they_were() -> None:
    network = build_backbone(CifarResNet(depth=18, width=1 / 32), 3).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    torch.manual_seed(5)
    map_sides(network, 32)
    after_probe = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(after_probe, torch.rand(3))
    side_heads(network, 3, 32)
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_a_head_is_its_layers_in_order() -> None:
    head = SideHead(6, 8, 2, 3).double().eval()
    features = torch.randn(2, 6, 4, 4, dtype=torch.float64)
    layers = [head.conv1, head.bn1, nn.ReLU(), head.conv2, head.bn2, nn.ReLU(), head.conv3, head.bn3, nn.ReLU()]
    expected = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head.fc)(features)
    torch.testing.assert_close(head(features), expected, rtol=1e-12, atol=1e-12)
    assert all(conv.bias is not None for conv in (head.conv1, head.conv2, head.conv3))
    assert (head.conv2.kernel_size, head.conv2.stride, head.conv2.padding) == ((2, 2), (2, 2), (0, 0))


def test_heads_of_a_resnet_are_drawn_with_fan_out_and_the_rest_by_torch() -> None:
    with stream(0, "init"):
        head = side_heads(build_backbone(CifarResNet(depth=18, width=0.5), 100), 100, 32)["layer1"]
    # conv1: 32 -> 64 by 1 x 1, so fan-out 64 against a fan-in of 32; torch's default would be U(-1/sqrt(32), ...).
    assert head.conv1.weight.std().item() == pytest.approx((2 / 64) ** 0.5, rel=0.05)
    assert head.conv2.weight.std().item() == pytest.approx((2 / (64 * 64)) ** 0.5, rel=0.02)
    assert 0 < head.conv1.bias.abs().max() <= 32**-0.5
    assert 0 < head.fc.weight.abs().max() <= 256**-0.5
    assert head.bn1.weight.eq(1).all()
    assert head.bn1.bias.eq(0).all()


def test_heads_of_a_resnext_keep_torchs_defaults() -> None:
    with stream(0, "init"):
        network = build_backbone(ResNeXt29(cardinality=2, width=0.25), 100)
        head = side_heads(network, 100, 32)["layer1"]
    fan_in = head.conv1.in_channels
    assert head.conv1.weight.std().item() == pytest.approx((3 * fan_in) ** -0.5, rel=0.05)
    assert head.conv1.weight.abs().max() <= fan_in**-0.5


def test_heads_multiply_adds_are_counted_layer_by_layer() -> None:
    head = SideHead(3, 8, 2, 5)
    assert mac_count(head, 6) == 36 * 2 * 3 + 9 * 2 * 2 * 4 + 9 * 8 * 2 + 5 * 8
