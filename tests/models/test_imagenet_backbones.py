"""The ImageNet backbones are the networks of timm and torchvision that the paper's authors used, but for what is said.

What every backbone must do stands in the battery.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import timm
import torch
import torchvision
from backbone_yaml import settings
from batch_norm_states import mixed
from timm.layers import DropPath
from timm.models._efficientnet_builder import efficientnet_init_weights
from torch import Tensor, nn

from olsrepro.models.backbone import Backbone
from olsrepro.models.count import mac_count, parameter_count
from olsrepro.models.registry import build_backbone
from olsrepro.models.staged import StagedNetwork
from olsrepro.models.timm_efficientnet.network import fan_out_per_group
from olsrepro.models.timm_efficientnet.settings import Settings as EfficientNet
from olsrepro.models.timm_resnet.settings import Settings as ImageNetResNet
from olsrepro.models.torchvision_mobilenet.settings import Settings as MobileNetV2

NAMES = ("resnet50", "resnet101", "mobilenetv2", "efficientnet_b7")
every_network = pytest.mark.parametrize("name", NAMES)
TINY = {"width": 0.125, "depth_factor": 0.34}


def built(name: str, num_classes: int = 10, seed: int = 0, **changes: Any) -> StagedNetwork:
    torch.manual_seed(seed)
    network = build_backbone(settings(name, **changes), num_classes)
    assert isinstance(network, StagedNetwork)
    return network


@cache
def on_meta(name: str, num_classes: int) -> Backbone:
    with torch.device("meta"):
        return build_backbone(settings(name), num_classes)


@pytest.mark.parametrize(
    ("name", "parameters", "giga_macs", "digits"),
    [
        ("resnet50", 25_557_032, 4.0892, 4),
        ("resnet101", 44_549_160, 7.8014, 4),
        ("mobilenetv2", 3_504_872, 0.3008, 4),
        ("efficientnet_b7", 66_347_960, 5.170, 3),
    ],
)
def test_at_224_pixels_and_a_thousand_classes_the_counts_are_those_of_the_papers_networks(
    name: str, parameters: int, giga_macs: float, digits: int
) -> None:
    network = on_meta(name, 1000)
    assert parameter_count(network) == parameters
    assert round(mac_count(network, 224) / 1e9, digits) == giga_macs


@pytest.mark.parametrize(
    ("num_classes", "resnet50", "mobilenetv2", "efficientnet_b7"),
    [
        (200, 23_917_832, 2_480_072, 64_299_160),
        (102, 23_717_030, 2_354_534, 64_048_182),
        (196, 23_909_636, 2_474_948, 64_288_916),
        (90, 23_692_442, 2_339_162, 64_017_450),
        (100, 23_712_932, 2_351_972, 64_043_060),
    ],
)
def test_fine_grained_sets_change_the_last_linear_layer_only(
    num_classes: int, resnet50: int, mobilenetv2: int, efficientnet_b7: int
) -> None:
    counts = {"resnet50": resnet50, "mobilenetv2": mobilenetv2, "efficientnet_b7": efficientnet_b7}
    assert {name: parameter_count(on_meta(name, num_classes)) for name in counts} == counts


def torchvisions(name: str) -> Callable[[], nn.Module]:
    return lambda: torchvision.models.get_model(name, weights=None, num_classes=10)


def timms(name: str) -> Callable[[], nn.Module]:
    return lambda: timm.create_model(name, num_classes=10)


@pytest.mark.parametrize(
    ("name", "changes", "reference", "head"),
    [
        ("resnet50", {}, torchvisions("resnet50"), "fc"),
        ("resnet50", {}, timms("resnet50"), "fc"),
        ("resnet101", {}, torchvisions("resnet101"), "fc"),
        ("mobilenetv2", {}, torchvisions("mobilenet_v2"), "classifier.1"),
        ("efficientnet_b7", {}, timms("tf_efficientnet_b7"), "classifier"),
        ("efficientnet_b7", {"model": "efficientnet_b7"}, timms("efficientnet_b7"), "classifier"),
    ],
    ids=["resnet50", "resnet50-timm", "resnet101", "mobilenetv2", "tf-efficientnet", "efficientnet"],
)
def test_with_the_librarys_weights_a_backbone_is_the_librarys_network(
    name: str, changes: dict[str, Any], reference: Callable[[], nn.Module], head: str
) -> None:
    ours, theirs = built(name, **changes), mixed(reference()).eval()
    keys = ours.library_keys | {f"fc.{part}": f"{head}.{part}" for part in ("weight", "bias")}
    state = theirs.state_dict()
    assert set(keys.values()) == set(state)
    ours.load_state_dict({key: state[found] for key, found in keys.items()})
    images = torch.randn(2, 3, 65, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(images), theirs(images), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet50", "resnet101"])
def test_a_resnets_keys_are_those_of_the_published_file_but_for_the_stems(name: str) -> None:
    keys = built(name, **TINY).library_keys
    assert {key.removeprefix("stem.") for key in keys} == set(keys.values())
    assert {key for key in keys if key.startswith("stem.")} == {
        f"stem.{key}" for key in keys.values() if not key.startswith("layer")
    }


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("resnet50", {"layer1": (256, 56), "layer2": (512, 28), "layer3": (1024, 14), "layer4": (2048, 7)}),
        ("resnet101", {"layer1": (256, 56), "layer2": (512, 28), "layer3": (1024, 14), "layer4": (2048, 7)}),
        (
            "mobilenetv2",
            {"stage1": (16, 112), "stage2": (24, 56), "stage3": (32, 28), "stage4": (96, 14), "stage5": (1280, 7)},
        ),
        (
            "efficientnet_b7",
            {"stage1": (32, 112), "stage2": (48, 56), "stage3": (80, 28), "stage4": (224, 14), "stage5": (2560, 7)},
        ),
    ],
)
def test_a_stage_ends_where_the_map_is_halved_next(name: str, stages: dict[str, tuple[int, int]]) -> None:
    network = on_meta(name, 10)
    maps = network.stage_features(torch.empty(2, 3, 224, 224, device="meta"))
    assert {key: (found.shape[1], found.shape[2]) for key, found in maps.items()} == stages
    assert network.stage_channels == {key: channels for key, (channels, _) in stages.items()}


@every_network
def test_logits_are_the_classified_pool_of_the_last_stage(name: str) -> None:
    network = built(name, **TINY).eval()
    images = torch.randn(2, 3, 64, 64)
    pooled = network.pool(network.stage_features(images)[network.stages[-1]])
    assert pooled.shape == (2, network.stage_channels[network.stages[-1]])
    assert torch.equal(network(images), network.classify(pooled))


@every_network
def test_tapping_the_stages_changes_no_map(name: str) -> None:
    """No layer works in place on a map that a stage has handed out."""
    network = built(name, **TINY).eval()
    with torch.no_grad():
        maps = network.stage_features(images := torch.randn(2, 3, 64, 64))
        features = network.stem(images)
        for stage, found in maps.items():
            features = network.get_submodule(stage)(features.clone())
            assert torch.equal(features, found)


@every_network
def test_the_last_map_of_the_smallest_image_is_one_pixel(name: str) -> None:
    side = settings(name).min_image_size
    maps = on_meta(name, 10).stage_features(torch.empty(2, 3, side, side, device="meta"))
    assert list(maps.values())[-1].shape[2:] == (1, 1)


@every_network
def test_one_seed_gives_one_trunk_whatever_the_number_of_classes(name: str) -> None:
    def drawn(seed: int, num_classes: int) -> dict[str, Tensor]:
        return built(name, num_classes, seed, **TINY).state_dict()

    first, again, other, more_classes = drawn(3, 10), drawn(3, 10), drawn(4, 10), drawn(3, 100)
    assert all(torch.equal(value, again[key]) for key, value in first.items())
    assert any(not torch.equal(value, other[key]) for key, value in first.items() if key.startswith("stem."))
    assert all(torch.equal(value, more_classes[key]) for key, value in first.items() if not key.startswith("fc."))


def scores(network: nn.Module, per_group: bool = False) -> Tensor:
    """Weights of all convolutions over the standard deviation of the Kaiming normal with fan-out and ReLU gain."""
    found = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = math.prod(module.kernel_size) * module.out_channels // (module.groups if per_group else 1)
            found.append(module.weight.detach().flatten() / math.sqrt(2 / fan_out))
    return torch.cat(found)


@pytest.mark.parametrize(
    ("name", "per_group"),
    [("resnet50", False), ("mobilenetv2", False), ("efficientnet_b7", True)],
)
def test_convolutions_start_from_the_fan_out_normal(name: str, per_group: bool) -> None:
    found = scores(built(name, **({} if name == "mobilenetv2" else {"width": 0.5})), per_group)
    assert found.std().item() == pytest.approx(1, abs=0.01)
    assert found.mean().item() == pytest.approx(0, abs=0.01)
    assert found.pow(4).mean().item() == pytest.approx(3, abs=0.1)


@every_network
def test_no_batch_norm_starts_at_zero(name: str) -> None:
    norms = [module for module in built(name, **TINY).modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert all((norm.weight == 1).all() and (norm.bias == 0).all() for norm in norms)


def test_classifiers_start_as_their_library_starts_them() -> None:
    resnet, mobilenet, efficientnet = (
        built(name, 400, width=0.25, depth_factor=0.34).fc for name in ("resnet50", "mobilenetv2", "efficientnet_b7")
    )
    bound = resnet.in_features**-0.5
    assert 0.99 * bound < resnet.weight.abs().max() <= bound
    assert 0 < resnet.bias.abs().max() <= bound
    assert mobilenet.weight.std().item() == pytest.approx(0.01, rel=0.01)
    assert 0.99 / 20 < efficientnet.weight.abs().max() <= 1 / 20
    assert not mobilenet.bias.any()
    assert not efficientnet.bias.any()


def test_efficientnets_draws_are_timms() -> None:
    ours, theirs = (
        nn.Sequential(nn.Conv2d(4, 8, 3, groups=4), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 5)) for _ in range(2)
    )
    torch.manual_seed(2)
    ours.apply(fan_out_per_group)
    torch.manual_seed(2)
    efficientnet_init_weights(theirs)
    for key, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[key], value)


@pytest.mark.parametrize(("name", "share"), [("mobilenetv2", 0.2), ("efficientnet_b7", 0.5)])
def test_training_drops_pooled_features_before_the_classifier(name: str, share: float) -> None:
    network = built(name, **TINY)
    pooled = torch.ones(64, network.stage_channels["stage5"])
    seen: list[Tensor] = []
    network.fc.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for training in (True, False):
        network.train(training).classify(pooled)
    dropped, whole = seen
    assert dropped.eq(0).float().mean().item() == pytest.approx(share, abs=0.02)
    assert dropped[dropped != 0].unique().tolist() == pytest.approx([1 / (1 - share)])
    assert torch.equal(whole, pooled)


def test_a_resnet_drops_nothing() -> None:
    network = built("resnet50", **TINY).train()
    pooled = torch.randn(4, network.stage_channels["layer4"])
    assert torch.equal(network.classify(pooled), network.fc(pooled))


def test_drop_path_rises_linearly_over_the_blocks_of_efficientnet_b7() -> None:
    network = built("efficientnet_b7", width=0.125)
    probabilities = [module.drop_prob for module in network.modules() if isinstance(module, DropPath)]
    assert probabilities == pytest.approx([0.2 * index / 55 for index in range(1, 55)])
    without = built("efficientnet_b7", width=0.125, drop_path=0.0)
    assert not any(isinstance(module, DropPath) for module in without.modules())


@pytest.mark.parametrize(
    ("changes", "epsilon", "momentum"),
    [
        ({}, 1e-3, 0.01),
        ({"model": "efficientnet_b7"}, 1e-5, 0.01),
        ({"bn_momentum": 0.1}, 1e-3, 0.1),
    ],
)
def test_efficientnets_batch_norms_have_the_epsilon_of_the_model_and_the_momentum_of_the_settings(
    changes: dict[str, Any], epsilon: float, momentum: float
) -> None:
    network = built("efficientnet_b7", **TINY, **changes)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(epsilon, momentum)}


@pytest.mark.parametrize("name", ["resnet50", "mobilenetv2"])
def test_other_batch_norms_are_torchs(name: str) -> None:
    norms = [module for module in built(name, **TINY).modules() if isinstance(module, nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-5, 0.1)}


@pytest.mark.parametrize(
    ("name", "blocks"),
    [
        ("resnet50", [1, 1, 2, 1]),
        ("resnet101", [1, 1, 8, 1]),
        ("mobilenetv2", [1, 1, 1, 1, 1, 1, 1]),
        ("efficientnet_b7", [1, 2, 2, 3, 3, 4, 1]),
    ],
)
def test_a_third_of_the_depth_leaves_every_row_a_block(name: str, blocks: list[int]) -> None:
    network = built(name, **TINY)
    stages = [network.get_submodule(stage) for stage in network.stages]
    rows = stages if name.startswith("resnet") else [row for stage in stages for row in stage][:-1]
    assert [len(row) for row in rows] == blocks


def test_width_one_half_halves_a_resnets_stages() -> None:
    half = built("resnet50", width=0.5, depth_factor=0.34)
    assert half.stage_channels == {"layer1": 128, "layer2": 256, "layer3": 512, "layer4": 1024}
    assert half.stem[0].out_channels == 64


def test_width_scales_the_others_in_steps_of_eight() -> None:
    assert list(built("mobilenetv2", **TINY).stage_channels.values()) == [8, 8, 8, 16, 1280]
    assert list(built("efficientnet_b7", width=0.5, depth_factor=0.34).stage_channels.values()) == [
        16,
        24,
        40,
        112,
        1280,
    ]


def test_a_network_that_nobody_published_has_no_weights() -> None:
    assert EfficientNet(model="efficientnet_b7").weights() is None
    assert MobileNetV2(width=0.5).weights() is None
    assert ImageNetResNet(depth_factor=2.0).weights() is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ImageNetResNet(depth=34), r"^backbone\.depth=34 is not known; valid: 50, 101$"),
        (lambda: MobileNetV2(dropout=1.5), r"^backbone\.dropout=1\.5 must be in \[0, 1\]$"),
        (lambda: EfficientNet(drop_path=-0.1), r"^backbone\.drop_path=-0\.1 must be in \[0, 1\]$"),
        (lambda: EfficientNet(bn_momentum=2), r"^backbone\.bn_momentum=2 must be in \[0, 1\]$"),
        (lambda: EfficientNet(model="efficientnet_b6"), r"^backbone\.model=efficientnet_b6 is not known; did you mean"),
        (lambda: MobileNetV2(width=0.0), r"^backbone\.width=0 must be a finite number above 0$"),
    ],
)
def test_what_cannot_be_built_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
