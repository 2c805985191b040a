"""Meta-Weight-Net: its golden step, its switches, a slow reference with the run's optimiser, its state."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from meta_batches import (
    GOLDEN,
    assert_golden,
    exact,
    golden_batch,
    golden_network,
    images_batch,
    residual_network,
    setting_of,
)
from torch import Tensor, nn
from torch.func import functional_call

from olsrepro.methods.mw_net.method import Method
from olsrepro.methods.mw_net.settings import Settings
from olsrepro.methods.mw_net.weight_net import WeightNet
from olsrepro.methods.settings import CleanSet

VALUES = GOLDEN["mw_net"]
STEP = VALUES["step"]
ROUTES = ("jvp", "graph")


def filled(weight_net: WeightNet, w1: Any, b1: Any, w2: Any, b2: Any) -> WeightNet:
    weight_net.double()
    for parameter, values in zip(weight_net.parameters(), (w1, b1, w2, b2), strict=True):
        parameter.data.copy_(exact(values).view(parameter.shape))
    return weight_net


def build(network: Any, rate: float = 0.1, double: bool = True, **switches: Any) -> Method:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        method = Method(Settings(**switches), setting_of(network, rate=rate)).train()
    return method.double() if double else method


def golden_method(network: Any, **switches: Any) -> Method:
    method = build(network, rate=STEP["inner_lr"], hidden=3, **switches)
    filled(method.weight_net, **VALUES["mlp"])
    return method


def phi(method: Method) -> dict[str, Tensor]:
    named = zip(("w1", "b1", "w2", "b2"), method.weight_net.parameters(), strict=True)
    return {name: parameter.detach().clone() for name, parameter in named}


def gradients_of(method: Method) -> dict[str, Tensor | None]:
    named = zip(("w1", "b1", "w2", "b2"), method.weight_net.parameters(), strict=True)
    return {name: parameter.grad for name, parameter in named}


# The weight network


def test_the_weights_of_losses_are_golden() -> None:
    small = filled(WeightNet(3), **VALUES["mlp"])
    assert_golden(small(exact(VALUES["query_losses"])), VALUES["query_weights"])
    steps = range(1, 101)
    large = filled(
        WeightNet(100),
        [0.5 * math.sin(j) for j in steps],
        [0.1 * math.cos(j) for j in steps],
        [0.2 * math.sin(2 * j - 1) for j in steps],
        0.05,
    )
    assert_golden(large(exact(VALUES["query_losses"])), VALUES["mlp100"]["query_weights"])


# One step


@pytest.mark.parametrize("route", ROUTES)
def test_a_step_is_golden(route: str) -> None:
    network = golden_network()
    method = golden_method(network, meta_gradient=route)
    output = method(network, golden_batch())
    output.loss.backward()
    for name, gradient in gradients_of(method).items():
        assert_golden(gradient, STEP["grad"][name])
    for name, parameter in phi(method).items():
        assert_golden(parameter, STEP["mlp_after_adam"][name])
    assert_golden(method.weight_net(exact(STEP["losses"])), STEP["V_after"])
    assert_golden(output.loss, STEP["final_loss"])
    assert_golden(network.weight.grad, STEP["grad_W"])


@pytest.mark.parametrize("route", ROUTES)
def test_a_step_with_weights_over_their_sum_is_golden(route: str) -> None:
    expected, network = VALUES["step_sum_normalised"], golden_network()
    method = golden_method(network, meta_gradient=route, weight_norm="sum")
    loss = method(network, golden_batch()).loss
    for name, gradient in gradients_of(method).items():
        assert_golden(gradient, expected["grad"][name])
    values = method.weight_net(exact(STEP["losses"])).detach()
    assert loss.item() == pytest.approx((values / values.sum() * exact(STEP["losses"])).sum().item())


def test_both_routes_make_the_same_steps() -> None:
    left = []
    for route in ROUTES:
        network = residual_network()
        method, optimiser = build(network, meta_gradient=route), torch.optim.SGD(network.parameters(), 0.1)
        for seed in range(3):
            optimiser.zero_grad()
            method(network, images_batch(seed=seed)).loss.backward()
            optimiser.step()
            method.after_step()
        left.append([*network.parameters(), *method.parameters()])
    torch.testing.assert_close(*left, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("route", ROUTES)
def test_running_statistics_move_once_and_the_networks_gradient_is_that_of_the_loss(route: str) -> None:
    network, batch = residual_network(), images_batch()
    plain = copy.deepcopy(network)
    method = build(network, meta_gradient=route)
    output = method(network, batch)
    assert all(parameter.grad is None for parameter in network.parameters())
    output.loss.backward()
    logits = plain(batch.images)
    losses = F.cross_entropy(logits, batch.targets, reduction="none")
    weights = method.weight_net(losses.detach()).detach()
    (weights * losses).mean().backward()
    assert torch.equal(output.logits, logits)
    torch.testing.assert_close(dict(network.named_buffers()), dict(plain.named_buffers()), rtol=0, atol=0)
    for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_the_step_of_the_weight_network_is_as_long_as_the_networks_learning_rate() -> None:
    network, batch = residual_network(), images_batch()
    gradients = []
    for rate in (1e-6, 1e-7):
        method = build(network, rate=rate)
        method(network, batch)
        gradients.append(gradients_of(method)["w2"])
    torch.testing.assert_close(gradients[0], 10 * gradients[1], rtol=1e-3, atol=0)


def test_a_wrapped_network_has_the_same_weights() -> None:
    network, batch = residual_network(), images_batch()
    wrapped, bare = build(network), build(network)
    torch.testing.assert_close(wrapped(nn.Sequential(network), batch).loss, bare(network, batch).loss)
    torch.testing.assert_close([*wrapped.parameters()], [*bare.parameters()])


def test_under_autocast_the_weight_network_works_in_single_precision() -> None:
    network, batch = residual_network(torch.float32), images_batch(dtype=torch.float32)
    method = build(network, double=False)
    with torch.autocast("cpu", torch.bfloat16):
        output = method(network, batch)
    assert output.loss.dtype == torch.float32
    output.loss.backward()
    losses = F.cross_entropy(output.logits.detach().float(), batch.targets, reduction="none")
    assert output.loss.item() == pytest.approx((method.weight_net(losses) * losses).mean().item(), rel=1e-6)


# Switches


def test_the_clean_set_is_what_the_switches_say() -> None:
    assert Settings().clean_set() == CleanSet(1000, True, None, False)
    switches = {"clean_size": 60, "clean_balance": "random", "meta_batch": 7, "clean_in_training": True}
    assert Settings(**switches).clean_set() == CleanSet(60, False, 7, True)


def test_the_weight_network_has_its_hidden_units_and_is_not_the_runs_optimisers() -> None:
    method = build(residual_network(), hidden=7)
    assert [parameter.numel() for parameter in method.parameters()] == [7, 7, 7, 1]
    assert [*method.optimised()] == []


@pytest.mark.parametrize(("rate", "decay"), [(1e-3, 1e-4), (0.05, 0.2)])
@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_the_weight_network_is_trained_by_its_own_optimiser(name: str, rate: float, decay: float) -> None:
    network = residual_network()
    method = build(network, meta_optimizer=name, meta_lr=rate, meta_wd=decay)
    theirs = copy.deepcopy(method.weight_net)
    if name == "adam":
        optimiser: torch.optim.Optimizer = torch.optim.Adam(theirs.parameters(), rate, weight_decay=decay)
    else:
        optimiser = torch.optim.SGD(theirs.parameters(), rate, momentum=0.9, nesterov=True, weight_decay=decay)
    for seed in range(3):
        method(network, images_batch(seed=seed))
        for ours, parameter in zip(method.weight_net.parameters(), theirs.parameters(), strict=True):
            parameter.grad = ours.grad
        optimiser.step()
        torch.testing.assert_close([*method.weight_net.parameters()], [*theirs.parameters()])


def test_the_weight_network_learns_at_intervals() -> None:
    network = residual_network()
    method, moved = build(network, meta_interval=3), []
    for seed in range(7):
        before = phi(method)
        method(network, images_batch(seed=seed))
        method.after_step()
        moved.append(any(not torch.equal(before[name], value) for name, value in phi(method).items()))
    assert moved == [True, False, False, True, False, False, True]


def gradient_at(network: nn.Module, ahead: dict[str, Tensor], batch: Any, method: Method) -> list[Tensor]:
    """The gradient of φ by the definition, where the step's gradient enters the look-ahead times minus the rate."""
    at = {name: value.detach().requires_grad_() for name, value in network.named_parameters()}
    buffers = {name: value.clone() for name, value in network.named_buffers()}
    losses = F.cross_entropy(
        functional_call(network, {**at, **buffers}, (batch.images,)), batch.targets, reduction="none"
    )
    loss = (method.weight_net(losses.detach()) * losses).mean()
    step = torch.autograd.grad(loss, [*at.values()], create_graph=True)
    moved = {name: ahead[name] - 0.1 * (g - g.detach()) for name, g in zip(at, step, strict=True)}
    clean = F.cross_entropy(functional_call(network, {**moved, **buffers}, (batch.clean_images,)), batch.clean_targets)
    return [*torch.autograd.grad(clean, [*method.weight_net.parameters()])]


@pytest.mark.parametrize("route", ROUTES)
def test_the_look_ahead_can_be_where_the_runs_optimiser_would_step(route: str) -> None:
    network = residual_network()
    switches = {"inner_step": "optimizer", "schedule": "own", "meta_gradient": route}
    method = build(network, **switches)
    optimiser = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, weight_decay=5e-4)
    for seed in range(4):
        batch = images_batch(seed=seed)
        if seed == 2:
            state = copy.deepcopy(method.state_dict())
            method = build(network, **switches)
            method.load_state_dict(state)
        trial = copy.deepcopy(network)
        would = torch.optim.SGD(trial.parameters(), 0.1, momentum=0.9, weight_decay=5e-4)
        would.load_state_dict(copy.deepcopy(optimiser.state_dict()))
        losses = F.cross_entropy(trial(batch.images), batch.targets, reduction="none")
        (method.weight_net(losses.detach()).detach() * losses).mean().backward()
        would.step()
        ahead = {name: value.detach() for name, value in trial.named_parameters()}
        expected = gradient_at(network, ahead, batch, method)
        optimiser.zero_grad()
        method(network, batch).loss.backward()
        torch.testing.assert_close([*gradients_of(method).values()], expected, rtol=1e-9, atol=1e-12)
        optimiser.step()
        method.after_step()


def test_momentum_makes_another_look_ahead() -> None:
    left = []
    for inner in ("sgd", "optimizer"):
        network = residual_network()
        method = build(network, inner_step=inner, schedule="own")
        for seed in range(2):
            network.zero_grad()
            method(network, images_batch(seed=seed)).loss.backward()
            method.after_step()
        left.append(gradients_of(method)["w2"])
    assert not torch.allclose(*left, rtol=1e-3)


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"hidden": 0}, "hidden=0 must be at least 1"),
        ({"meta_optimizer": "adan"}, "meta_optimizer=adan is not known; did you mean adam"),
        ({"meta_lr": -1}, "meta_lr=-1 must be at least 0"),
        ({"meta_wd": -1}, "meta_wd=-1 must be at least 0"),
        ({"weight_norm": "sums"}, "weight_norm=sums is not known; did you mean sum"),
        ({"inner_step": "sdg"}, "inner_step=sdg is not known; did you mean sgd"),
        ({"meta_batch": 0}, "meta_batch=0 must be at least 1"),
        ({"meta_interval": 0}, "meta_interval=0 must be at least 1"),
        ({"inner_step": "optimizer"}, "inner_step=optimizer must be sgd with schedule=common, .*; set schedule=own"),
    ],
)
def test_a_wrong_switch_is_refused_with_the_key(switches: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Settings(**switches)


def test_the_own_schedule_drops_at_two_thirds_and_five_sixths() -> None:
    assert Settings().own_recipe(300) is None
    own = Settings(schedule="own").own_recipe(300)
    assert own is not None
    drops = [epoch for epoch in range(1, 300) if own.learning_rates[epoch] < own.learning_rates[epoch - 1]]
    assert (len(own.learning_rates), drops, own.learning_rates[0]) == (300, [200, 250], 0.1)
    assert (own.momentum, own.nesterov, own.weight_decay) == (0.9, False, 5e-4)


# State and facts


@pytest.mark.parametrize("switches", [{}, {"meta_optimizer": "sgd", "meta_interval": 2}])
def test_a_state_loads_safely_and_goes_on_bitwise(switches: dict[str, Any], tmp_path: Path) -> None:
    network = residual_network(torch.float32)
    method, resumed = (build(network, double=False, **switches) for _ in range(2))
    batches = [images_batch(dtype=torch.float32, seed=seed) for seed in range(6)]
    for batch in batches[:3]:
        method(network, batch)
        method.after_step()
    torch.save(method.state_dict(), tmp_path / "state.pt")
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for batch in batches[3:]:
        assert torch.equal(method(network, batch).loss, resumed(network, batch).loss)
        method.after_step()
        resumed.after_step()
    for each in (method, resumed):
        each.end_epoch()
    assert method.epoch_facts() == resumed.epoch_facts()


def test_an_epochs_facts_are_its_mean_weight_and_the_weights_of_some_losses() -> None:
    network = residual_network()
    method = build(network)
    for epoch in range(2):
        total = []
        for seed in range(3):
            batch = replace(images_batch(8 + seed, seed=seed), epoch=epoch)
            logits = method(network, batch).logits
            losses = F.cross_entropy(logits.detach(), batch.targets, reduction="none")
            total.append(method.weight_net(losses).detach())
            method.after_step()
        method.end_epoch()
        facts = method.epoch_facts()
        assert facts["mean_weight"] == pytest.approx(torch.cat(total).mean().item())
        shown = method.weight_net(exact([0.1, 1.0, 5.0])).tolist()
        assert [facts[f"weight_at_{loss}"] for loss in ("0.1", "1", "5")] == pytest.approx(shown)
