"""Batch norm of one rank, of all ranks, or frozen: what it normalises by, what moves, who can work with it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn
from torch.func import functional_call

from olsrepro.config.compose import compose_run
from olsrepro.data.batch import Batch
from olsrepro.evaluation.kl_to_humans.batch_norm import batch_statistics
from olsrepro.methods.forward_mode import OwnPass, derivative
from olsrepro.methods.meta_gradient import MetaGradient
from olsrepro.methods.ols_single.still_statistics import still_statistics
from olsrepro.methods.registry import settings_class
from olsrepro.models.registry import build_backbone
from olsrepro.settings import UserError
from olsrepro.training import batch_norm
from olsrepro.training.batch_norm import apply_batch_norm, check_batch_norm

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
IMAGES = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
TARGETS = torch.arange(6) % 5


def small() -> nn.Module:
    """A batch norm of images, one with timm's activation and dropout, one of features; none at its defaults."""
    torch.manual_seed(0)
    with_activation = BatchNormAct2d(4, act_layer=nn.SiLU, drop_layer=lambda: nn.Dropout(0.5), momentum=None)
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), with_activation, nn.Flatten(), nn.Linear(144, 5), nn.BatchNorm1d(5)
    return lived_in(nn.Sequential(*layers))


def backbone(name: str, *more: str) -> nn.Module:
    torch.manual_seed(0)
    made = compose_run(["dataset=digits@cub", f"backbone={name}", "backbone.width=0.25", *more]).backbone
    return lived_in(build_backbone(made, 5))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "small": small,
    "resnet": lambda: backbone("resnet8"),
    "efficientnet": lambda: backbone("efficientnet_b7", "backbone.depth_factor=0.2"),
}
every_network = pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)


def lived_in(network: nn.Module) -> nn.Module:
    """In float64 and in training mode, with scales, shifts and running statistics of its own."""
    network = network.double().train()
    with torch.no_grad():
        for layer in norms(network):
            layer.weight.normal_(1, 0.3)
            layer.bias.normal_(0, 0.3)
            layer.running_mean.normal_(0, 0.3)
            layer.running_var.uniform_(0.5, 2)
    return network


def norms(network: nn.Module) -> list[Any]:
    return [layer for layer in network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]


def without_chance(network: nn.Module) -> nn.Module:
    """In training mode but for dropout and dropped paths."""
    network.train()
    for layer in network.modules():
        if "drop" in type(layer).__name__.lower():
            layer.eval()
    return network


def frozen(network: nn.Module) -> nn.Module:
    assert apply_batch_norm("frozen", network) is network
    return network


def copied(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in state.items()}


def statistics(network: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in network.named_buffers()}


@every_network
def test_a_frozen_network_in_training_computes_what_it_computes_in_a_test(make: Callable[[], nn.Module]) -> None:
    expected = make().eval()(IMAGES)
    assert torch.equal(without_chance(frozen(make()))(IMAGES), expected)
    assert not torch.allclose(without_chance(make())(IMAGES), expected), "batch statistics are others"


@every_network
def test_steps_move_weights_scales_and_shifts_of_a_frozen_network_but_no_statistics(
    make: Callable[[], nn.Module],
) -> None:
    network = frozen(make())
    before, weights = statistics(network), copied(dict(network.named_parameters()))
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    for mode in (True, False, True):
        network.train(mode)
        optimizer.zero_grad()
        F.cross_entropy(network(IMAGES), TARGETS).backward()
        optimizer.step()
    torch.testing.assert_close(statistics(network), before, rtol=0, atol=0)
    assert all(not torch.equal(layer.weight, weights[f"{name}.weight"]) for name, layer in named_norms(network))
    assert all(not torch.equal(layer.bias, weights[f"{name}.bias"]) for name, layer in named_norms(network))


def named_norms(network: nn.Module) -> list[tuple[str, Any]]:
    return [(name, layer) for name, layer in network.named_modules() if layer in norms(network)]


@every_network
@pytest.mark.parametrize("kind", ["local", "frozen", "sync"])
def test_parameters_buffers_and_their_keys_stay_the_same(
    make: Callable[[], nn.Module], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_norm, "rank_count", lambda: 2)
    network = make()
    tensors = [*network.named_parameters(), *network.named_buffers()]
    changed = apply_batch_norm(kind, network)
    found = [*changed.named_parameters(), *changed.named_buffers()]
    assert [(name, id(tensor)) for name, tensor in found] == [(name, id(tensor)) for name, tensor in tensors]
    assert all(layer.training == (kind != "frozen") for layer in norms(changed))


def test_gradients_of_a_frozen_batch_norm_are_those_of_its_definition() -> None:
    torch.manual_seed(0)
    layer, images = lived_in(nn.BatchNorm2d(3)), IMAGES.clone().requires_grad_()
    weight, bias, mean, variance = (
        getattr(layer, name).view(-1, 1, 1) for name in ("weight", "bias", "running_mean", "running_var")
    )
    outs = [
        frozen(layer)(images),
        (images - mean) / (variance + layer.eps).sqrt() * weight + bias,
    ]
    torch.testing.assert_close(*outs, rtol=0, atol=1e-12)
    found, expected = (
        torch.autograd.grad(out.sin().sum(), [images, *layer.parameters()], retain_graph=True) for out in outs
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def test_what_timms_batch_norm_does_besides_goes_on_and_follows_the_mode() -> None:
    network = frozen(small())
    layer: Any = network[2]
    assert isinstance(layer, BatchNormAct2d)
    assert isinstance(layer.act, nn.SiLU)
    assert (layer.training, layer.drop.training) == (False, True)
    network.eval()
    assert (layer.training, layer.drop.training) == (False, False)
    network.train()
    assert (layer.training, layer.drop.training) == (False, True)


def test_copies_of_a_frozen_network_are_frozen_and_apart() -> None:
    network = without_chance(frozen(small()))
    twin = without_chance(copy.deepcopy(network))
    assert torch.equal(twin(IMAGES), network(IMAGES))
    twin[1].running_mean.add_(1)
    assert not torch.equal(twin[1].running_mean, network[1].running_mean)


def test_to_freeze_twice_is_to_freeze_once() -> None:
    network = frozen(small())
    kinds = [type(layer) for layer in network.modules()]
    assert [type(layer) for layer in frozen(network).modules()] == kinds


def test_equal_layers_are_of_one_class_so_that_a_compiler_meets_it_once() -> None:
    first, second = (frozen(nn.BatchNorm2d(3)) for _ in range(2))
    assert type(first) is type(second)
    assert type(first).__name__ == "FrozenBatchNorm2d"


def test_a_compiled_frozen_network_computes_the_same_and_moves_no_statistics() -> None:
    network = without_chance(frozen(small()))
    before = statistics(network)
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    for mode in (True, False):
        compiled.train(mode)
        outs = [form(IMAGES) for form in (compiled, without_chance(network))]
        torch.testing.assert_close(*outs, rtol=0, atol=1e-12)
        found, expected = (torch.autograd.grad(out.square().sum(), [*network.parameters()]) for out in outs)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(statistics(network), before, rtol=0, atol=0)


def test_a_batch_norm_without_running_statistics_is_not_frozen() -> None:
    network = nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3, track_running_stats=False))
    with pytest.raises(
        UserError,
        match=r"^recipe\.batch_norm=frozen needs running statistics, which 1 does not keep; set recipe\.batch_norm=loc",
    ):
        frozen(network)


def test_one_rank_shares_with_nobody_on_any_device() -> None:
    network = small()
    assert apply_batch_norm("sync", network) is network
    assert [type(layer) for layer in norms(network)] == [nn.BatchNorm2d, BatchNormAct2d, nn.BatchNorm1d]


def test_ranks_on_cpus_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_norm, "rank_count", lambda: 2)
    line = r"^recipe\.batch_norm=sync needs CUDA devices, but these 2 ranks train on cpu; set recipe\.batch_norm=local$"
    with pytest.raises(UserError, match=line):
        check_batch_norm("sync", settings_class("ols")(), CPU)


def test_ranks_on_gpus_share_and_activations_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_norm, "rank_count", lambda: 2)
    expected = small().eval()(IMAGES)
    network = apply_batch_norm("sync", small())
    assert all(isinstance(layer, nn.SyncBatchNorm) for layer in norms(network))
    assert len(norms(network)) == 3
    torch.testing.assert_close(network.eval()(IMAGES), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["l2rw", "mw_net"])
def test_meta_gradients_do_not_go_with_statistics_of_several_ranks(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    method = settings_class(name)()
    for kind in ("local", "frozen", "sync"):
        check_batch_norm(kind, method, CUDA)
    monkeypatch.setattr(batch_norm, "rank_count", lambda: 2)
    check_batch_norm("frozen", method, CUDA)
    check_batch_norm("sync", settings_class("ols")(), CUDA)
    with pytest.raises(UserError, match=rf"^recipe\.batch_norm=sync does not work with method={name}, .*norm=local$"):
        check_batch_norm("sync", method, CUDA)


def logits_of(network: nn.Module) -> Callable[[dict[str, Tensor]], Tensor]:
    return lambda at: functional_call(network, {**at, **statistics(network)}, (IMAGES,))


@every_network
@pytest.mark.parametrize("kept", [False, True])
def test_forward_mode_through_a_frozen_network_is_plain_autograds_derivative(
    make: Callable[[], nn.Module], kept: bool
) -> None:
    network = without_chance(frozen(make()))
    at = {name: value.detach() for name, value in network.named_parameters()}
    along = {name: torch.randn_like(value) for name, value in at.items()}
    with OwnPass() as own:
        logits = network(IMAGES)
    assert list(own.norms()) == [], "only batch statistics are worth keeping"
    ours = derivative(logits_of(network), at, along, own if kept else None)
    shares = torch.randn_like(logits)
    expected = []
    for of_sample in (logits * shares).sum(1):
        gradient = torch.autograd.grad(of_sample, [*network.parameters()], retain_graph=True)
        expected.append(sum((g * along[name]).sum() for g, name in zip(gradient, along, strict=True)))
    torch.testing.assert_close((ours * shares).sum(1), torch.stack(expected).detach(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("scaled", [True, False])
def test_both_routes_of_a_meta_gradient_are_one_backward_pass_a_sample(scaled: bool) -> None:
    network = frozen(backbone("resnet8"))
    batch = Batch(IMAGES, TARGETS, torch.arange(6), 0, (), IMAGES.flip(0), TARGETS)
    meta = MetaGradient(network, scaled=scaled)
    direction = meta.clean_gradient(meta.parameters(), batch)
    expected = []
    for own in meta.losses(dict(meta.trained_parameters()), IMAGES, TARGETS):
        gradient = torch.autograd.grad(own, [*meta.trained_parameters().values()], retain_graph=True)
        expected.append(sum((g * d).sum() for g, d in zip(gradient, direction.values(), strict=True)))
    by_graph = meta.products_by_graph(batch, torch.zeros(6).double(), lambda _: meta.parameters())
    for found in (meta.products(batch, direction), by_graph):
        torch.testing.assert_close(found, torch.stack(expected), rtol=1e-9, atol=1e-12)


def test_a_pass_with_still_statistics_is_a_pass_as_any_other() -> None:
    network = without_chance(frozen(small()))
    with still_statistics(network):
        inside = network(IMAGES)
    assert torch.equal(inside, network(IMAGES))


def test_a_measurement_by_batch_statistics_takes_them_of_a_frozen_network_too() -> None:
    plain, network = small().eval(), frozen(small()).eval()
    before = statistics(network)
    with batch_statistics(plain), batch_statistics(network):
        assert torch.equal(network(IMAGES), plain(IMAGES))
    torch.testing.assert_close(statistics(network), before, rtol=0, atol=0)
