"""SAN: its attention against a loop written from the definition, its counts, stages, initial weights, settings."""

from __future__ import annotations

import re

import pytest
import torch
from backbone_yaml import settings
from torch import Tensor, nn

from olsrepro.config.compose import compose_run
from olsrepro.models.backbone import Backbone
from olsrepro.models.count import mac_count, parameter_count
from olsrepro.models.registry import build_backbone
from olsrepro.models.san.attention import PairwiseAttention, PatchwiseAttention, WindowAttention, positions
from olsrepro.models.san.settings import ATTENTIONS, BLOCKS, Settings
from olsrepro.settings import UserError
from olsrepro.store.cost import estimate

both = pytest.mark.parametrize("sa_type", ATTENTIONS)
KINDS = [PairwiseAttention, PatchwiseAttention]
CHANNELS, RELATION, VALUES = 10, 3, 16


def drawn(kind: type[WindowAttention], kernel: int) -> WindowAttention:
    """An attention whose batch norms have weights of their own."""
    torch.manual_seed(0)
    module = kind(CHANNELS, RELATION, VALUES, kernel).double()
    for parameter in module.conv_w.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter)
    return module


def reflected(index: int, size: int) -> int:
    return size - 1 - abs(size - 1 - abs(index))


def window(y: int, x: int, height: int, width: int, kernel: int) -> list[tuple[int, int]]:
    """The places around (y, x), row by row."""
    steps = range(-(kernel // 2), kernel // 2 + 1)
    return [(reflected(y + dy, height), reflected(x + dx, width)) for dy in steps for dx in steps]


def at(vectors: Tensor, place: tuple[int, int]) -> Tensor:
    """``(B, C)`` of ``(B, H, W, C)``."""
    y, x = place
    return vectors[:, y, x]


def pointwise(layer: nn.Module, vectors: Tensor) -> Tensor:
    """A 1 x 1 convolution of vectors ``(..., C)``."""
    assert isinstance(layer, nn.Conv2d)
    out = vectors @ layer.weight.flatten(1).T
    return out if layer.bias is None else out + layer.bias


def normalised(layer: nn.Module, vectors: Tensor) -> Tensor:
    """A batch norm in training of vectors ``(..., C)``: statistics over all of them."""
    assert isinstance(layer, nn.BatchNorm2d)
    rows = vectors.reshape(-1, vectors.shape[-1])
    mean, variance = rows.mean(0), rows.var(0, unbiased=False)
    return (vectors - mean) / (variance + layer.eps).sqrt() * layer.weight + layer.bias


def through(layers: nn.Sequential, vectors: Tensor) -> Tensor:
    first, _, shrink, second, _, last = layers
    hidden = pointwise(shrink, normalised(first, vectors).clamp(min=0))
    return pointwise(last, normalised(second, hidden).clamp(min=0))


def slow_weights(module: WindowAttention, features: Tensor) -> Tensor:
    """``(B, H, W, k^2, g)``, from vectors ``(B, H, W, C)``."""
    _, height, width, _ = features.shape
    queries, keys = pointwise(module.conv1, features), pointwise(module.conv2, features)
    if isinstance(module, PatchwiseAttention):
        rows = []
        for y in range(height):
            for x in range(width):
                patch = [at(keys, place) for place in window(y, x, height, width, module.kernel)]
                channel_by_channel = torch.stack(patch, -1).flatten(1)
                rows.append(torch.cat([queries[:, y, x], channel_by_channel], -1))
        inputs = torch.stack(rows, 1).unflatten(1, (height, width))
        return through(module.conv_w, inputs).unflatten(-1, (-1, module.kernel**2)).transpose(-1, -2)
    assert isinstance(module, PairwiseAttention)
    axes = [torch.linspace(-1, 1, side, dtype=torch.float64) for side in (height, width)]
    places = pointwise(module.conv_p, torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], -1))
    pairs = []
    for y in range(height):
        for x in range(width):
            for place in window(y, x, height, width, module.kernel):
                apart = (places[y, x] - places[place]).expand(len(features), -1)
                pairs.append(torch.cat([queries[:, y, x] - at(keys, place), apart], -1))
    inputs = torch.stack(pairs, 1).unflatten(1, (height, width, -1))
    raised = through(module.conv_w, inputs).exp()
    return raised / raised.sum(3, keepdim=True)


def slow_attention(module: WindowAttention, images: Tensor) -> Tensor:
    """The definition, position by position."""
    features = images.permute(0, 2, 3, 1)
    _, height, width, _ = features.shape
    weights, values = slow_weights(module, features), pointwise(module.conv3, features)
    out = []
    for y in range(height):
        for x in range(width):
            total = torch.zeros_like(values[:, y, x])
            for t, place in enumerate(window(y, x, height, width, module.kernel)):
                of_channel = weights[:, y, x, t].repeat(1, VALUES // weights.shape[-1])
                total = total + of_channel * at(values, place)
            out.append(total)
    return torch.stack(out, -1).unflatten(-1, (height, width))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("kernel", "height", "width"), [(3, 4, 5), (7, 5, 4), (3, 2, 3)])
def test_attention_is_the_loop_written_from_the_definition(
    kind: type[WindowAttention], kernel: int, height: int, width: int
) -> None:
    module = drawn(kind, kernel)
    features = torch.randn(2, CHANNELS, height, width, dtype=torch.float64, requires_grad=True)
    parts = (features, *module.parameters())
    upstream = torch.randn(2, VALUES, height, width, dtype=torch.float64)
    outs = [module(features), slow_attention(module, features)]
    torch.testing.assert_close(*outs, rtol=0, atol=1e-12)
    found, expected = (torch.autograd.grad(out, parts, upstream) for out in outs)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


def test_pairwise_weights_sum_to_one_over_a_window_and_patchwise_ones_need_not() -> None:
    queries, keys = torch.randn(2, 2, RELATION, 5, 4, dtype=torch.float64)
    sums = [drawn(kind, 3).weights(queries, keys).sum(2) for kind in KINDS]
    torch.testing.assert_close(sums[0], torch.ones_like(sums[0]))
    assert (sums[1] - 1).abs().min() > 1e-6


def test_places_are_x_then_y_from_minus_one_to_one() -> None:
    found = positions(torch.empty(4, 7, 2, 3))
    assert found.tolist() == [[[[-1, 0, 1], [-1, 0, 1]], [[-1, -1, -1], [1, 1, 1]]]]


@pytest.mark.parametrize(
    ("sa_type", "num_classes", "parameters"),
    [
        ("pairwise", 1000, 14_065_436),
        ("pairwise", 200, 12_426_236),
        ("pairwise", 102, 12_225_434),
        ("pairwise", 196, 12_418_040),
        ("pairwise", 100, 12_221_336),
        ("patchwise", 1000, 16_181_310),
        ("patchwise", 200, 14_542_110),
        ("patchwise", 102, 14_341_308),
        ("patchwise", 196, 14_533_914),
        ("patchwise", 100, 14_337_210),
    ],
)
def test_san15_has_the_parameters_of_the_authors_network(sa_type: str, num_classes: int, parameters: int) -> None:
    assert parameter_count(on_meta(Settings(sa_type=sa_type), num_classes)) == parameters


@pytest.mark.parametrize(
    ("depth", "sa_type", "mega_parameters"),
    [
        (10, "pairwise", 10.5),
        (10, "patchwise", 11.8),
        (15, "pairwise", 14.1),
        (15, "patchwise", 16.2),
        (19, "pairwise", 17.6),
        (19, "patchwise", 20.5),
    ],
)
def test_each_depth_has_the_parameters_that_its_authors_print(depth: int, sa_type: str, mega_parameters: float) -> None:
    network = on_meta(Settings(depth=depth, sa_type=sa_type), 1000)
    assert round(parameter_count(network) / 1e6, 1) == mega_parameters
    assert sum(BLOCKS[depth]) == depth


@pytest.mark.parametrize(("sa_type", "giga_macs"), [("pairwise", 2.804), ("patchwise", 2.424)])
def test_san15_has_the_multiply_adds_of_the_authors_network(sa_type: str, giga_macs: float) -> None:
    assert round(mac_count(on_meta(Settings(sa_type=sa_type), 1000), 224) / 1e9, 3) == giga_macs


@both
def test_stages_halve_the_map_from_half_the_images_side_on(sa_type: str) -> None:
    network = on_meta(Settings(sa_type=sa_type), 10)
    maps = network.stage_features(torch.empty(2, 3, 224, 224, device="meta"))
    assert {name: tuple(found.shape) for name, found in maps.items()} == {
        "layer0": (2, 64, 112, 112),
        "layer1": (2, 256, 56, 56),
        "layer2": (2, 512, 28, 28),
        "layer3": (2, 1024, 14, 14),
        "layer4": (2, 2048, 7, 7),
    }
    assert network.stages == tuple(maps)
    assert [len(network.get_submodule(name)) for name in network.stages] == [3, 2, 3, 5, 2]


@both
def test_a_third_of_the_depth_keeps_the_longest_stage_longer(sa_type: str) -> None:
    network = on_meta(Settings(sa_type=sa_type, depth_factor=0.34), 10)
    assert [len(network.get_submodule(name)) for name in network.stages] == [1, 1, 1, 2, 1]


@both
def test_half_the_width_halves_every_channel_count(sa_type: str) -> None:
    wide, thin = (on_meta(Settings(sa_type=sa_type, width=width), 10) for width in (1.0, 0.5))
    assert {name: 2 * count for name, count in thin.stage_channels.items()} == wide.stage_channels
    names = ("sam.conv1", "sam.conv3", "sam.conv_w.5", "conv")
    for stage in wide.stages[1:]:
        large, little = (network.get_submodule(stage)[0] for network in (wide, thin))
        assert all(
            large.get_submodule(name).out_channels == 2 * little.get_submodule(name).out_channels for name in names
        )


@both
def test_a_tiny_width_keeps_a_weight_and_its_eight_values(sa_type: str) -> None:
    block = on_meta(Settings(sa_type=sa_type, width=0.01), 10).layer0[0]
    assert (block.sam.conv1.out_channels, block.sam.conv3.out_channels, block.conv.out_channels) == (1, 8, 1)


@pytest.mark.parametrize(
    ("sa_type", "of_places"), [("pairwise", {"conv_p.weight", "conv_p.bias"}), ("patchwise", set())]
)
def test_layers_have_the_names_of_the_authors_network(sa_type: str, of_places: set[str]) -> None:
    names = {name for name, _ in on_meta(Settings(sa_type=sa_type), 10).named_parameters()}
    block = {name.removeprefix("layer2.1.") for name in names if name.startswith("layer2.1.")}
    attention = {f"conv{number}.{kind}" for number in (1, 2, 3) for kind in ("weight", "bias")}
    attention |= {f"conv_w.{number}.{kind}" for number in (0, 3, 5) for kind in ("weight", "bias")} | {
        "conv_w.2.weight"
    }
    outer = {f"{layer}.{kind}" for layer in ("bn1", "bn2", "conv") for kind in ("weight", "bias")}
    assert block == outer | {f"sam.{name}" for name in attention | of_places}
    ends = {name for name in names if not name.startswith("layer")}
    assert ends == {"fc.weight", "fc.bias"} | {
        name
        for number in ("_in", *range(5))
        for name in (f"conv{number}.weight", f"bn{number}.weight", f"bn{number}.bias")
    }


@both
def test_a_stage_is_pooling_a_convolution_blocks_and_a_last_activation(sa_type: str) -> None:
    network = tiny(sa_type)
    images = torch.randn(2, 3, 128, 128)
    maps = network.stage_features(images)
    features = network.bn_in(network.conv_in(images)).relu()
    for number, name in enumerate(network.stages):
        features = nn.MaxPool2d(2)(features)
        features = getattr(network, f"conv{number}")(features)
        for block in network.get_submodule(name):
            attended = block.sam(block.bn1(features).relu())
            features = features + block.conv(block.bn2(attended).relu())
        features = getattr(network, f"bn{number}")(features).relu()
        torch.testing.assert_close(maps[name], features)
    assert torch.equal(network(images), network.fc(network.pool(maps["layer4"])))


@both
@pytest.mark.parametrize("size", [(128, 128), (131, 160)])
def test_training_works_from_the_smallest_images_on(sa_type: str, size: tuple[int, int]) -> None:
    network = tiny(sa_type).train()
    logits = network(torch.randn(2, 3, *size))
    logits.square().sum().backward()
    assert logits.shape == (2, 5)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@both
def test_channels_last_gives_the_same_logits_and_gradients(sa_type: str) -> None:
    images, passes = torch.randn(2, 3, 128, 128, dtype=torch.float64), []
    for memory_format in (torch.contiguous_format, torch.channels_last):
        network = tiny(sa_type).double().to(memory_format=memory_format)
        logits = network(images.to(memory_format=memory_format))
        passes.append((logits, *torch.autograd.grad(logits.square().sum(), list(network.parameters()))))
    torch.testing.assert_close(*passes, rtol=1e-6, atol=1e-9)


@both
def test_bfloat16_autocast_trains(sa_type: str) -> None:
    network = tiny(sa_type)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(torch.randn(2, 3, 128, 128))
    logits.float().square().sum().backward()
    assert logits.dtype == torch.bfloat16
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@both
def test_smaller_images_are_refused(sa_type: str) -> None:
    with pytest.raises(ValueError, match="a map of side 3 cannot reflect 3 pixels: it must have at least 4"):
        tiny(sa_type)(torch.randn(1, 3, 127, 128))


def test_a_data_set_of_small_images_is_refused_before_the_run() -> None:
    with pytest.raises(
        UserError, match=r"^backbone=san15 needs images of at least 128 pixels; dataset=cifar100 has 32"
    ):
        compose_run(["dataset=cifar100", "backbone=san15"])


@both
def test_weights_start_from_pytorchs_defaults(sa_type: str) -> None:
    torch.manual_seed(0)
    network = build_backbone(Settings(sa_type=sa_type, width=0.25, depth_factor=0.34), 10)
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    scores = torch.cat([m.weight.detach().flatten() * m.weight[0].numel() ** 0.5 for m in layers])
    assert scores.abs().max().item() <= 1 + 1e-5
    assert scores.std().item() == pytest.approx(3**-0.5, abs=0.01)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all((norm.weight == 1).all() and (norm.bias == 0).all() for norm in norms)


@both
def test_one_seed_gives_one_trunk_whatever_the_number_of_classes(sa_type: str) -> None:
    states = []
    for num_classes in (5, 100):
        torch.manual_seed(3)
        made = Settings(sa_type=sa_type, width=0.125, depth_factor=0.34)
        states.append(build_backbone(made, num_classes).state_dict())
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items() if not key.startswith("fc."))


@pytest.mark.parametrize(("sa_type", "fingerprint"), [("patchwise", 2.27441651183), ("pairwise", 2.50319717901)])
def test_san_still_computes_what_it_computed(sa_type: str, fingerprint: float) -> None:
    """A changed number means that results change: raise the family's ``version`` with it."""
    network = tiny(sa_type).double().train()
    images = torch.linspace(-2, 2, 2 * 3 * 128 * 128, dtype=torch.float64).sin().mul(37).frac().view(2, 3, 128, 128)
    with torch.no_grad():
        found = network(images).abs().sum().item()
    assert found == pytest.approx(fingerprint, rel=1e-6)


def test_san15_is_patchwise_unless_told_otherwise() -> None:
    assert settings("san15") == Settings(params=settings("san15").params, macs=settings("san15").macs)
    assert settings("san15").sa_type == "patchwise"


def test_a_pairwise_san15_is_a_network_of_its_own_name() -> None:
    lines = ["dataset=digits@cub", "backbone=san15"]
    patch, pair = compose_run(lines).backbone, compose_run([*lines, "backbone.sa_type=pairwise"]).backbone
    assert (patch.name, pair.name) == ("san15", "san(depth=15,sa_type=pairwise)")
    assert patch.identity() != pair.identity()


def test_the_cost_of_a_run_counts_multiply_adds_at_the_images_own_size() -> None:
    config = compose_run(["dataset=digits@cub", "backbone=san15", "preset=paper"])
    images = config.recipe.epochs * (3 * config.dataset.train_size + config.dataset.test_size)
    assert config.dataset.image_size == 128
    assert estimate(config, {}).macs == pytest.approx(images * config.backbone.macs * (128 / 224) ** 2)


def test_an_unknown_type_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"^backbone\.sa_type=pairwize is not known; did you mean pairwise"):
        Settings(sa_type="pairwize")


def test_an_unknown_depth_is_refused() -> None:
    with pytest.raises(ValueError, match=f"^{re.escape('backbone.depth=16 is not known; valid: 10, 15, 19')}$"):
        Settings(depth=16)


def on_meta(made: Settings, num_classes: int) -> Backbone:
    with torch.device("meta"):
        return build_backbone(made, num_classes)


def tiny(sa_type: str) -> Backbone:
    torch.manual_seed(0)
    return build_backbone(Settings(sa_type=sa_type, width=0.125, depth_factor=0.34), 5)
