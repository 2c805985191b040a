"""Parameters and multiply-adds, as counted from the authors' code, and the facts in the YAML files."""

from __future__ import annotations

from dataclasses import fields
from functools import cache

import pytest
import torch
from backbone_yaml import NAMES, settings, values
from torch import nn

from olsrepro.models.backbone import Backbone
from olsrepro.models.count import mac_count, parameter_count
from olsrepro.models.detector import Detector
from olsrepro.models.registry import build_backbone, build_network, families, settings_class
from olsrepro.models.thin_resnet.settings import Settings as ThinResNet
from olsrepro.settings import fact_names

PLANNED = (
    "resnet8 resnet14 resnet20 resnet26 resnet32 resnet38 resnet44 resnet29 resnet56 resnet74 resnet110 "
    "cifar_resnet18 cifar_resnet34 cifar_resnet50 cifar_resnet101 resnext29_2x64d resnext29_32x4d"
)


@cache
def on_meta(name: str, num_classes: int = 100) -> Backbone | Detector:
    with torch.device("meta"):
        return build_network(settings(name), num_classes)


@pytest.mark.parametrize(
    ("name", "num_classes", "parameters", "macs", "unit"),
    [
        ("resnet29", 10, 313_114, 47.11, 1e6),
        ("resnet29", 100, 336_244, 47.13, 1e6),
        ("resnet56", 100, 614_452, 87.24, 1e6),
        ("resnet74", 100, 799_924, 113.98, 1e6),
        ("resnet110", 100, 1_170_868, 167.45, 1e6),
        ("cifar_resnet34", 100, 21_328_292, 1.1594, 1e9),
        ("cifar_resnet50", 100, 23_705_252, 1.2980, 1e9),
        ("cifar_resnet101", 100, 42_697_380, 2.5102, 1e9),
        ("resnext29_2x64d", 100, 9_221_028, 1.4096, 1e9),
        ("resnext29_32x4d", 100, 4_866_468, 0.7726, 1e9),
    ],
)
def test_a_backbone_of_the_paper_has_the_authors_counts(
    name: str, num_classes: int, parameters: int, macs: float, unit: float
) -> None:
    network = on_meta(name, num_classes)
    digits = 2 if unit == 1e6 else 4
    assert parameter_count(network) == parameters
    assert round(mac_count(network, 32) / unit, digits) == macs


def test_resnet18_has_the_count_of_the_same_form() -> None:
    assert parameter_count(on_meta("cifar_resnet18")) == 11_220_132


@pytest.mark.parametrize(
    ("depth", "block", "at_10", "at_100", "mega_macs"),
    [
        (29, "bottleneck", 313_114, 336_244, 47.13),
        (56, "bottleneck", 591_322, 614_452, 87.24),
        (74, "bottleneck", 776_794, 799_924, 113.98),
        (110, "bottleneck", 1_147_738, 1_170_868, 167.45),
        (26, "basic", 369_690, 375_540, 54.97),
        (56, "basic", 855_770, 861_620, 125.75),
        (74, "basic", 1_147_418, 1_153_268, 168.22),
        (110, "basic", 1_730_714, 1_736_564, 253.16),
    ],
)
def test_both_block_kinds_of_the_thin_resnets_have_the_counts_of_the_table(
    depth: int, block: str, at_10: int, at_100: int, mega_macs: float
) -> None:
    with torch.device("meta"):
        small, large = (build_backbone(ThinResNet(depth=depth, block=block), classes) for classes in (10, 100))
    assert (parameter_count(small), parameter_count(large)) == (at_10, at_100)
    assert round(mac_count(large, 32) / 1e6, 2) == mega_macs


def test_every_backbone_of_the_plan_has_a_yaml_file() -> None:
    assert set(PLANNED.split()) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_yaml_file_lists_every_field_and_its_own_name(name: str) -> None:
    found = values(name)
    kind = settings_class(found["family"])
    assert found.keys() == {item.name for item in fields(kind)}
    assert found["name"] == name
    assert fact_names(kind) == {"params", "macs"}


@pytest.mark.parametrize("name", NAMES)
def test_the_facts_of_a_yaml_file_are_what_counting_gives(name: str) -> None:
    found = settings(name)
    network = on_meta(name, found.counted_classes)
    assert (found.params, found.macs) == (parameter_count(network), mac_count(network, found.counted_at))


@pytest.mark.parametrize("family", families())
def test_settings_can_be_made_in_code_without_facts(family: str) -> None:
    made = settings_class(family)()
    assert (made.family, made.params, made.macs) == (family, 0, 0)


def test_multiply_adds_leave_out_biases_and_count_groups_once() -> None:
    network = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1, groups=3), nn.Flatten(), nn.Linear(6 * 16, 5))
    assert mac_count(network, 8) == (6 * 16) * (1 * 9) + 5 * (6 * 16)


def test_counting_leaves_the_network_as_it_was() -> None:
    network = build_backbone(ThinResNet(depth=11, width=0.25), 3).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    mac_count(network, 8)
    assert network.training
    assert not any(module._forward_hooks for module in network.modules())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_frozen_parameters_are_not_counted() -> None:
    layer = nn.Linear(4, 2)
    layer.bias.requires_grad_(False)
    assert parameter_count(layer) == 8
