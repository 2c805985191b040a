"""Which settings are refused, with which words, and that reading them needs no torch."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from olsrepro.models.cifar_resnet.settings import Settings as CifarResNet
from olsrepro.models.registry import build_backbone, families, settings_class
from olsrepro.models.resnext29.settings import Settings as ResNeXt29
from olsrepro.models.settings import scaled, scaled_blocks
from olsrepro.models.thin_resnet.settings import Settings as ThinResNet
from olsrepro.settings import UserError


@pytest.mark.parametrize(
    ("depth", "block", "rule", "legal"),
    [
        (29, "basic", "6n+2", "26 and 32"),
        (57, "bottleneck", "9n+2", "56 and 65"),
        (12, "bottleneck", "9n+2", "11 and 20"),
        (2, "basic", "6n+2", "8"),
        (2, "bottleneck", "9n+2", "11"),
        (0, "bottleneck", "9n+2", "11"),
        (-40, "basic", "6n+2", "8"),
    ],
)
def test_an_illegal_depth_is_refused_with_the_nearest_legal_ones(depth: int, block: str, rule: str, legal: str) -> None:
    message = (
        f"backbone.depth={depth} is not {rule} with n >= 1, as backbone.block={block} needs; nearest legal: {legal}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        ThinResNet(depth=depth, block=block)


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_every_depth_is_either_built_exactly_or_refused(block: str) -> None:
    layers = {"basic": 2, "bottleneck": 3}[block]
    for depth in range(-5, 120):
        try:
            made = ThinResNet(depth=depth, block=block)
        except ValueError:
            assert depth < 8 or (depth - 2) % (3 * layers)
        else:
            assert made.blocks_per_stage * 3 * layers + 2 == depth


def test_an_unknown_block_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"backbone\.block=bottelneck is not known; did you mean bottleneck"):
        ThinResNet(block="bottelneck")


def test_an_unknown_depth_of_the_wide_resnets_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^backbone\.depth=44 is not known; valid: 18, 34, 50, 101$"):
        CifarResNet(depth=44)


def test_an_unknown_cardinality_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^backbone\.cardinality=4 is not known; valid: 2, 32$"):
        ResNeXt29(cardinality=4)


@pytest.mark.parametrize("kind", [ThinResNet, CifarResNet, ResNeXt29])
@pytest.mark.parametrize("key", ["width", "depth_factor"])
@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf")])
def test_a_factor_that_is_no_finite_positive_number_is_refused(kind: type, key: str, factor: float) -> None:
    with pytest.raises(ValueError, match=rf"^backbone\.{key}=.* must be a finite number above 0$"):
        kind(**{key: factor})


def test_another_familys_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^backbone\.family=cifar_resnet is not known; .*thin_resnet"):
        ThinResNet(family="cifar_resnet")


@pytest.mark.parametrize(
    ("channels", "width", "groups", "expected"),
    [(16, 1, 1, 16), (16, 0.5, 1, 8), (16, 0.01, 1, 1), (10, 0.25, 1, 3), (128, 0.3, 32, 32), (128, 0.4, 32, 64)],
)
def test_widths_are_rounded_half_up_to_whole_groups(channels: int, width: float, groups: int, expected: int) -> None:
    assert scaled(channels, width, groups) == expected


@pytest.mark.parametrize(
    ("blocks", "factor", "expected"),
    [
        ([6, 8, 12], 1, [6, 8, 12]),
        ([6, 8, 12], 1 / 3, [2, 3, 4]),
        ([3, 4, 23, 3], 1 / 3, [1, 1, 8, 1]),
        ([3, 4, 6], 0.34, [1, 1, 2]),
        ([1, 3, 5], 0.5, [1, 2, 3]),
        ([1, 9], 0.01, [1, 1]),
        ([1, 2], 1.5, [2, 3]),
    ],
)
def test_blocks_are_rounded_half_up_and_one_stays(blocks: list[int], factor: float, expected: list[int]) -> None:
    assert scaled_blocks(blocks, factor) == expected


def test_the_families_are_found_by_scanning() -> None:
    assert {"thin_resnet", "cifar_resnet", "resnext29"} <= set(families())
    assert settings_class("thin_resnet") is ThinResNet
    assert all(settings_class(family)().family == family for family in families())


def test_an_unknown_family_is_a_users_error_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"^backbone\.family=thin_resnets is not known; did you mean thin_resnet"):
        settings_class("thin_resnets")


def test_a_network_needs_a_class() -> None:
    with pytest.raises(ValueError, match=r"^num_classes=0 must be at least 1$"):
        build_backbone(ThinResNet(), 0)


def test_reading_settings_loads_no_torch() -> None:
    program = (
        "import sys; from olsrepro.models.registry import families, settings_class; "
        "made = [settings_class(family)() for family in families()]; assert len(made) >= 3; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
