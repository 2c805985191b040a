"""YOLO on a MobileNetV2 trunk is the detector that the paper's authors used: its counts, its wiring, its draws."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from backbone_yaml import settings
from batch_norm_states import mixed
from torch import Tensor, nn

from olsrepro.models.count import mac_count, parameter_count
from olsrepro.models.detector import Detector
from olsrepro.models.pretrained import load_pretrained
from olsrepro.models.registry import build_backbone, build_detector
from olsrepro.models.yolo_mobilenet.network import YoloMobileNet
from olsrepro.settings import UserError

NAME = "yolo_mobilenetv2"
TINY = {"width": 0.125, "depth_factor": 0.34}
State = dict[str, Tensor]


def detector(num_classes: int = 20, seed: int = 0, **changes: Any) -> YoloMobileNet:
    torch.manual_seed(seed)
    network = build_detector(settings(NAME, **changes), num_classes)
    assert isinstance(network, YoloMobileNet)
    return network


@cache
def on_meta(num_classes: int) -> Detector:
    with torch.device("meta"):
        return detector(num_classes)


@pytest.fixture(scope="module")
def whole() -> YoloMobileNet:
    return detector()


def test_every_part_has_the_parameters_of_the_authors_detector() -> None:
    counts = {name: parameter_count(part) for name, part in on_meta(20).named_children()}
    assert counts.pop("heads") + counts.pop("predictors") == 7_527_521
    assert counts == {"trunk": 2_223_872, "pooling": 9_016_320, "aggregation": 27_575_168}
    assert parameter_count(on_meta(20)) == 46_342_881


def test_a_class_more_costs_three_filters_of_every_head() -> None:
    assert parameter_count(on_meta(21)) - parameter_count(on_meta(20)) == 3 * (32 + 96 + 1280 + 3)


@pytest.mark.parametrize(("side", "giga"), [(320, 5.12), (416, 8.66), (512, 13.12), (544, 14.81), (608, 18.50)])
def test_every_size_has_the_multiply_adds_of_the_authors_detector(side: int, giga: float) -> None:
    assert round(mac_count(on_meta(20), side) / 1e9, 2) == giga


@pytest.mark.parametrize(("height", "width"), [(32, 32), (416, 352), (96, 128)])
def test_every_stride_gets_a_map_of_three_boxes_a_cell(height: int, width: int) -> None:
    network = on_meta(4)
    maps = network(torch.empty(2, 3, height, width, device="meta"))
    assert network.strides == (8, 16, 32)
    assert [tuple(one.shape) for one in maps] == [(2, 27, height // s, width // s) for s in (8, 16, 32)]


@pytest.mark.parametrize(("height", "width"), [(100, 96), (96, 16)])
def test_sides_that_the_coarsest_stride_does_not_divide_are_refused(height: int, width: int) -> None:
    with pytest.raises(ValueError, match=f"^images of {height} x {width} pixels: both sides must be multiples of 32$"):
        on_meta(4)(torch.empty(1, 3, height, width, device="meta"))


def test_the_trunk_is_tapped_where_torchvisions_rows_end() -> None:
    """Behind the rows of 32 and of 96 channels, and behind the last convolution."""
    theirs = mixed(torchvision.models.mobilenet_v2(weights=None)).eval()
    ours = detector(width=1.0, depth_factor=1.0).eval()
    assert len(ours.trunk.library_keys) == len(theirs.features.state_dict())
    state = theirs.state_dict()
    ours.trunk.load_state_dict({key: state[name] for key, name in ours.trunk.library_keys.items()})
    entering: list[Tensor] = []
    for module in (*ours.aggregation.enter[:2], ours.pooling):
        module.register_forward_pre_hook(lambda _, inputs: entering.append(inputs[0]))
    images = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        ours(images)
        expected = [theirs.features[:end](images) for end in (7, 14, 19)]
    found = {features.shape[1]: features for features in entering}
    assert [features.shape[1] for features in expected] == [32, 96, 1280]
    for features in expected:
        torch.testing.assert_close(found[features.shape[1]], features, rtol=1e-5, atol=1e-5)


def convolved(state: State, key: str, features: Tensor, stride: int = 1) -> Tensor:
    """Convolution, batch norm of an evaluation, leaky rectifier, by their formulas."""
    weight = state[f"{key}.0.weight"]
    features = F.conv2d(features, weight, stride=stride, padding=weight.shape[-1] // 2)
    scale = state[f"{key}.1.weight"] / (state[f"{key}.1.running_var"] + 1e-5).sqrt()
    shift = state[f"{key}.1.bias"] - state[f"{key}.1.running_mean"] * scale
    features = features * scale[:, None, None] + shift[:, None, None]
    return torch.where(features > 0, features, 0.01 * features)


def run_of(state: State, key: str, features: Tensor, convolutions: int) -> Tensor:
    """1 x 1, 3 x 3, 1 x 1, ..."""
    names = ["0", "1.0", "1.1", "2.0", "2.1"][:convolutions]
    for name in names:
        assert state[f"{key}.{name}.0.weight"].shape[-1] == (3 if name.endswith(".0") else 1)
        features = convolved(state, f"{key}.{name}", features)
    return features


def maximum_over(features: Tensor, side: int) -> Tensor:
    padded = F.pad(features, [side // 2] * 4, value=-torch.inf)
    return padded.unfold(2, side, 1).unfold(3, side, 1).amax(dim=(-1, -2))


def twice(features: Tensor) -> Tensor:
    return features.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def maps_by_the_table(state: State, fine: Tensor, middle: Tensor, coarse: Tensor) -> list[Tensor]:
    """What stands between taps and raw maps, line by line as the authors' detector is described."""
    coarse = run_of(state, "pooling.units", coarse, 3)
    coarse = torch.cat([coarse, *(maximum_over(coarse, side) for side in (5, 9, 13))], dim=1)
    at = "aggregation"
    coarse = run_of(state, f"{at}.enter.2", coarse, 3)
    fine, middle = convolved(state, f"{at}.enter.0", fine), convolved(state, f"{at}.enter.1", middle)
    risen = twice(convolved(state, f"{at}.rise.1", coarse))
    middle = run_of(state, f"{at}.merge_up.1", torch.cat([middle, risen], dim=1), 5)
    risen = twice(convolved(state, f"{at}.rise.0", middle))
    fine = run_of(state, f"{at}.merge_up.0", torch.cat([fine, risen], dim=1), 5)
    sunk = convolved(state, f"{at}.sink.0", fine, stride=2)
    middle = run_of(state, f"{at}.merge_down.0", torch.cat([sunk, middle], dim=1), 5)
    sunk = convolved(state, f"{at}.sink.1", middle, stride=2)
    coarse = run_of(state, f"{at}.merge_down.1", torch.cat([sunk, coarse], dim=1), 5)
    heads = [convolved(state, f"heads.{index}", features) for index, features in enumerate((fine, middle, coarse))]
    last = [(state[f"predictors.{index}.weight"], state[f"predictors.{index}.bias"]) for index in range(3)]
    return [F.conv2d(head, weight, bias) for head, (weight, bias) in zip(heads, last, strict=True)]


def test_the_maps_are_those_of_the_table_written_out() -> None:
    network = mixed(detector(3, width=0.25).double()).eval()
    assert isinstance(network, YoloMobileNet)
    for name, weight in network.named_parameters():
        if weight.dim() > 1 and not name.startswith("trunk"):
            nn.init.kaiming_normal_(weight)  # of N(0, 0.01) hardly anything would be left at the end
        if name.startswith("predictors"):
            nn.init.normal_(weight) if weight.dim() == 1 else None
    images = torch.randn(2, 3, 160, 96, dtype=torch.float64)
    with torch.no_grad():
        stages = network.trunk.stage_features(images)
        expected = maps_by_the_table(network.state_dict(), *(stages[tap] for tap in ("stage3", "stage4", "stage5")))
        for found, wanted in zip(network(images), expected, strict=True):
            assert wanted.std() > 0.1
            torch.testing.assert_close(found, wanted)


def test_all_behind_the_trunk_is_drawn_narrow_and_predictors_start_without_bias(whole: YoloMobileNet) -> None:
    behind = [(name, part) for name, part in whole.named_modules() if not name.startswith("trunk")]
    convolutions = {name: part for name, part in behind if isinstance(part, nn.Conv2d)}
    for name, part in convolutions.items():
        count = part.weight.numel()
        assert part.weight.std().item() == pytest.approx(0.01, rel=4 / (2 * count) ** 0.5), name
        assert abs(part.weight.mean().item()) < 4 * 0.01 / count**0.5
    assert {name for name, part in convolutions.items() if part.bias is not None} == {
        f"predictors.{index}" for index in range(3)
    }
    assert not any(part.bias.any() for part in whole.predictors)
    norms = [part for _, part in whole.named_modules() if isinstance(part, nn.BatchNorm2d)]
    assert all((norm.weight == 1).all() and (norm.bias == 0).all() for norm in norms)
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-5, 0.1)}


def test_the_trunk_of_a_seed_is_the_classifiers_whatever_the_classes(whole: YoloMobileNet) -> None:
    torch.manual_seed(0)
    classifier = build_backbone(settings("mobilenetv2"), 10).state_dict()
    for network in (whole, detector(5)):
        assert all(torch.equal(value, classifier[key]) for key, value in network.trunk.state_dict().items())


def test_every_parameter_of_a_narrow_detector_gets_a_finite_gradient() -> None:
    network = detector(3, **TINY)
    maps = network(torch.rand(2, 3, 64, 64))
    sum(one.square().mean() for one in maps).backward()
    assert {one.dtype for one in maps} == {torch.float32}
    broken = [key for key, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not broken


def test_width_and_depth_reach_every_part() -> None:
    with torch.device("meta"):
        full, half, deep = detector(20), detector(20, width=0.5), detector(20, depth_factor=2.0)
    assert [part[0].out_channels for part in half.heads] == [16, 48, 640]
    assert [part.in_channels for part in half.predictors] == [16, 48, 640]
    assert half.trunk.stage_channels == {"stage1": 8, "stage2": 16, "stage3": 16, "stage4": 48, "stage5": 1280}
    for name in ("trunk", "pooling", "aggregation", "heads"):
        counts = [parameter_count(network.get_submodule(name)) for network in (half, full, deep)]
        assert counts == sorted(counts)
        assert counts[0] < counts[1]
    assert [len(run) for run in deep.aggregation.merge_up] == [5, 5]
    assert len(deep.pooling.units) == len(deep.aggregation.enter[2]) == 3


def state_of(network: nn.Module) -> State:
    return {key: value.clone() for key, value in network.state_dict().items()}


def changed(network: nn.Module, before: State) -> set[str]:
    """Parts of which some weight is another."""
    return {key.partition(".")[0] for key, value in network.state_dict().items() if not torch.equal(value, before[key])}


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def test_torchvisions_weights_fill_the_trunk_and_nothing_else(whole: YoloMobileNet, tmp_path: Path) -> None:
    theirs = mixed(torchvision.models.mobilenet_v2(weights=None)).state_dict()
    ours = detector()
    load_pretrained(ours, saved(tmp_path / "mobilenet_v2.pth", theirs))
    assert changed(ours, state_of(whole)) == {"trunk"}
    assert all(torch.equal(ours.trunk.state_dict()[key], theirs[name]) for key, name in ours.trunk.library_keys.items())


def test_a_classifiers_run_fills_the_trunk_and_nothing_else(tmp_path: Path) -> None:
    torch.manual_seed(1)
    theirs = mixed(build_backbone(settings("mobilenetv2", **TINY), 7)).state_dict()
    ours = detector(**TINY)
    before = state_of(ours)
    load_pretrained(ours, saved(tmp_path / "best.pt", {"epoch": 3, "weights": theirs}))
    assert changed(ours, before) == {"trunk"}
    assert all(torch.equal(value, theirs[key]) for key, value in ours.trunk.state_dict().items())


@pytest.mark.parametrize("num_classes", [20, 3], ids=["of as many classes", "of others"])
def test_a_detectors_run_fills_all_but_the_predictors(num_classes: int, tmp_path: Path) -> None:
    theirs = mixed(detector(num_classes, seed=1, **TINY)).state_dict()
    ours = detector(**TINY)
    before = state_of(ours)
    load_pretrained(ours, saved(tmp_path / "best.pt", {"epoch": 3, "weights": theirs}))
    assert changed(ours, before) == {"trunk", "pooling", "aggregation", "heads"}
    kept = {key: value for key, value in ours.state_dict().items() if not key.startswith("predictors.")}
    assert all(torch.equal(value, theirs[key]) for key, value in kept.items())


@pytest.mark.parametrize("name", ["resnet8", "mobilenetv2", NAME])
def test_another_networks_weights_are_refused_and_none_is_copied(name: str, tmp_path: Path) -> None:
    """Another family's, a wider trunk's, a wider detector's."""
    wider = settings(name, width=0.5, depth_factor=0.34)
    build = build_detector if name == NAME else build_backbone
    path = saved(tmp_path / "other.pth", build(wider, 10).state_dict())
    ours = detector(**TINY)
    before = state_of(ours)
    with pytest.raises(UserError, match="holds the weights of another network: "):
        load_pretrained(ours, path)
    assert changed(ours, before) == set()


def test_the_published_weights_are_the_classifiers_and_fit_the_whole_width_only() -> None:
    found = settings(NAME).weights()
    assert found is not None
    assert found == settings("mobilenetv2").weights()
    assert settings(NAME, width=0.5).weights() is None


def test_a_detector_is_no_backbone_and_a_backbone_no_detector() -> None:
    with pytest.raises(UserError, match=r"^backbone=yolo_mobilenetv2 detects objects and classifies no images"):
        build_backbone(settings(NAME), 20)
    with pytest.raises(UserError, match=r"^backbone=resnet8 classifies images and detects no objects: choose yolo_"):
        build_detector(settings("resnet8"), 20)
    assert not settings(NAME).has_stages
