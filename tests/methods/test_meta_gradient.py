"""The meta-gradient: both routes, slow references from the definition, what it leaves alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from meta_batches import GOLDEN, assert_golden, golden_batch, golden_network, images_batch, residual_network
from torch import Tensor, nn
from torch.func import functional_call

from olsrepro.data.batch import Batch
from olsrepro.methods.meta_gradient import ByName, MetaGradient

RATE = 0.3


def ahead(at: ByName, gradient: ByName) -> ByName:
    return {name: value - RATE * gradient[name] for name, value in at.items()}


def some_weights(batch: Batch) -> Tensor:
    return torch.rand(len(batch.targets), generator=torch.Generator().manual_seed(2), dtype=batch.images.dtype)


def by_jvp(meta: MetaGradient, batch: Batch, weights: Tensor, own: bool = False) -> Tensor:
    """As a method does it: the step's gradient from the step's own graph."""
    logits, kept = meta.forward(meta._network, batch.images)
    losses = F.cross_entropy(logits, batch.targets, reduction="none")
    gradient = meta.step_gradient(meta._network, batch, weights, losses)
    direction = meta.clean_gradient(ahead(meta.parameters(), gradient), batch)
    return meta.products(batch, direction, kept if own else None)


def at_itself(meta: MetaGradient, batch: Batch) -> Tensor:
    return meta.products(batch, meta.clean_gradient(meta.parameters(), batch))


def by_graph(meta: MetaGradient, batch: Batch, weights: Tensor) -> Tensor:
    return meta.products_by_graph(batch, weights, partial(ahead, meta.parameters()))


def whole_graph(network: nn.Module, batch: Batch, weights: Tensor) -> Tensor:
    """The clean loss's gradient by the weights through the whole graph of the look-ahead, over minus the rate."""
    at = {name: value.detach().requires_grad_() for name, value in network.named_parameters()}
    buffers = {name: value.clone() for name, value in network.named_buffers()}
    weights = weights.clone().requires_grad_()
    losses = F.cross_entropy(
        functional_call(network, {**at, **buffers}, (batch.images,)), batch.targets, reduction="none"
    )
    step = torch.autograd.grad((weights * losses).sum(), [*at.values()], create_graph=True)
    moved = {name: value - RATE * gradient for (name, value), gradient in zip(at.items(), step, strict=True)}
    clean = F.cross_entropy(functional_call(network, {**moved, **buffers}, (batch.clean_images,)), batch.clean_targets)
    (gradient,) = torch.autograd.grad(clean, weights)
    return -gradient / RATE


def one_by_one(network: nn.Module, batch: Batch) -> Tensor:
    """<∇l_i, ∇L_c>, a backward pass for each sample of the batch."""
    network = copy.deepcopy(network)
    parameters = [*network.parameters()]
    clean = torch.autograd.grad(F.cross_entropy(network(batch.clean_images), batch.clean_targets), parameters)
    losses = F.cross_entropy(network(batch.images), batch.targets, reduction="none")
    gradients = [torch.autograd.grad(loss, parameters, retain_graph=True) for loss in losses]
    return torch.stack([sum((g * c).sum() for g, c in zip(own, clean, strict=True)) for own in gradients])


@pytest.mark.parametrize("weighted", [False, True])
def test_both_routes_are_the_gradient_through_the_look_ahead(weighted: bool) -> None:
    network, batch = residual_network(), images_batch()
    weights = some_weights(batch) * weighted
    expected = whole_graph(network, batch, weights)
    meta = MetaGradient(network)
    for products in (
        by_graph(meta, batch, weights),
        by_jvp(meta, batch, weights),
        by_jvp(meta, batch, weights, own=True),
    ):
        torch.testing.assert_close(products, expected, rtol=1e-12, atol=1e-12)


def test_in_single_precision_both_routes_agree_to_its_rounding() -> None:
    network, batch = residual_network(torch.float32), images_batch(dtype=torch.float32)
    meta, weights = MetaGradient(network), some_weights(batch)
    graph, forward = by_graph(meta, batch, weights), by_jvp(meta, batch, weights, own=True)
    torch.testing.assert_close(forward, graph, rtol=1e-5, atol=1e-6)


def test_the_look_ahead_matters() -> None:
    network, batch = residual_network(), images_batch()
    meta = MetaGradient(network)
    weights = some_weights(batch)
    assert not torch.allclose(by_jvp(meta, batch, weights), by_jvp(meta, batch, 0 * weights), rtol=1e-2)


def test_at_the_network_itself_they_are_dot_products_of_gradients() -> None:
    network, batch = residual_network(), images_batch()
    meta = MetaGradient(network)
    torch.testing.assert_close(at_itself(meta, batch), one_by_one(network, batch), rtol=1e-11, atol=1e-12)


def test_the_golden_products_are_those_of_both_routes() -> None:
    meta, batch = MetaGradient(golden_network()), golden_batch()
    nothing = torch.zeros(3, dtype=torch.float64)
    assert_golden(at_itself(meta, batch), GOLDEN["l2rw"]["grad_dot"])
    assert_golden(by_graph(meta, batch, nothing), GOLDEN["l2rw"]["grad_dot"])


def test_a_penalty_in_the_clean_loss_is_golden() -> None:
    meta, batch = MetaGradient(golden_network(), decay=2e-4), golden_batch()
    assert_golden(at_itself(meta, batch), GOLDEN["l2rw"]["grad_dot_with_clean_decay_2e_4"])


def test_without_its_scale_batch_normalisation_is_that_of_a_network_whose_scale_is_frozen_at_1() -> None:
    network, batch = residual_network(), images_batch()
    meta = MetaGradient(network, scaled=False)
    products = [at_itself(meta, batch), by_graph(meta, batch, 0 * some_weights(batch))]
    plain = copy.deepcopy(network)
    for layer in plain.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.weight.requires_grad_(False).fill_(1)
    frozen = MetaGradient(plain)
    for found in products:
        torch.testing.assert_close(found, at_itself(frozen, batch), rtol=1e-12, atol=1e-12)
    scaled = MetaGradient(network)
    assert not torch.allclose(products[0], at_itself(scaled, batch), rtol=1e-2)


ROUTES: dict[str, Callable[[MetaGradient, Batch, Tensor], Tensor]] = {
    "graph": by_graph,
    "jvp": lambda meta, batch, _: at_itself(meta, batch),
}


@pytest.mark.parametrize("route", ROUTES)
def test_a_meta_gradient_leaves_the_network_as_it_was(route: str) -> None:
    network, batch = residual_network(), images_batch()
    before = copy.deepcopy(network.state_dict())
    ROUTES[route](MetaGradient(network), batch, some_weights(batch))
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in network.parameters())
    assert network.training


@pytest.mark.parametrize("route", ROUTES)
def test_running_statistics_do_not_enter(route: str) -> None:
    network, batch = residual_network(), images_batch()
    found = ROUTES[route](MetaGradient(network), batch, some_weights(batch))
    for name, buffer in network.named_buffers():
        if name.endswith(("mean", "var")):
            buffer += 2
    torch.testing.assert_close(ROUTES[route](MetaGradient(network), batch, some_weights(batch)), found, rtol=0, atol=0)


@pytest.mark.parametrize("route", ROUTES)
def test_autocast_is_off(route: str) -> None:
    network, batch = residual_network(torch.float32), images_batch(dtype=torch.float32)
    meta, weights = MetaGradient(network), some_weights(batch)
    expected = ROUTES[route](meta, batch, weights)
    with torch.autocast("cpu", torch.bfloat16):
        found = ROUTES[route](meta, batch, weights)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_what_autocast_or_a_wrapper_made_of_a_pass_is_not_kept() -> None:
    network, batch = residual_network(torch.float32), images_batch(dtype=torch.float32)
    meta = MetaGradient(network)
    assert meta.forward(network, batch.images)[1] is not None
    assert meta.forward(nn.Sequential(network), batch.images)[1] is None
    assert MetaGradient(network, scaled=False).forward(network, batch.images)[1] is None
    with torch.autocast("cpu", torch.bfloat16):
        assert meta.forward(network, batch.images)[1] is None


def test_a_parameter_that_is_frozen_takes_no_part() -> None:
    network, batch = residual_network(), images_batch()
    name, first = next(iter(network.named_parameters()))
    first.requires_grad_(False)
    meta = MetaGradient(network)
    assert name not in meta.parameters()
    weights = some_weights(batch)
    torch.testing.assert_close(by_jvp(meta, batch, weights), by_graph(meta, batch, weights), rtol=1e-12, atol=1e-12)


def test_the_graph_of_a_compiled_network_is_left_to_the_step() -> None:
    network, batch = residual_network(), images_batch()
    meta, weights, compiled = MetaGradient(network), some_weights(batch), nn.Sequential(network)
    losses = F.cross_entropy(compiled(batch.images), batch.targets, reduction="none")
    reused = meta.step_gradient(network, batch, weights, losses)
    anew = meta.step_gradient(compiled, batch, weights, losses.detach())
    torch.testing.assert_close(anew, reused, rtol=1e-12, atol=1e-12)
