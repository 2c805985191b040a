"""Forward mode by rules of ours: torch's own derivative, from what the network's own pass gave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from meta_batches import CLASSES, images_batch, residual_network
from torch import Tensor, nn
from torch.func import functional_call, jvp
from torch.utils._python_dispatch import TorchDispatchMode

from olsrepro.methods.forward_mode import OwnPass, derivative

IMAGES = images_batch().images


class Grouped(nn.Module):
    """What the residual networks have not: groups, biases, changes in place, no affine, a norm over features."""

    def __init__(self) -> None:
        super().__init__()
        self.norm0 = nn.BatchNorm2d(3)
        self.conv1 = nn.Conv2d(3, 6, 3, stride=2, groups=3)
        self.conv2 = nn.Conv2d(6, 4, 3, padding="same", dilation=2, padding_mode="reflect")
        self.norm2 = nn.BatchNorm2d(4, affine=False, track_running_stats=False)
        self.still = nn.BatchNorm2d(4).eval()
        self.norm1 = nn.BatchNorm1d(4, momentum=None)
        self.last = nn.Linear(4, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.conv1(self.norm0(images)).relu_()
        hidden = self.still(self.norm2(self.conv2(hidden))).relu_()
        logits: Tensor = self.last(self.norm1(hidden.flatten(2).mean(2)))
        return logits


def grouped() -> nn.Module:
    torch.manual_seed(0)
    network = Grouped().double().train()
    network.still.eval()
    return network


def overwritten() -> nn.Module:
    """The usual order of layers, whose activation overwrites the output of a normalisation in training."""
    torch.manual_seed(0)
    first = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
    second = nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 16, CLASSES)
    return nn.Sequential(*first, *second).double().train()


def dropped() -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 4, 3), nn.Dropout(0.5), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, CLASSES)
    return nn.Sequential(*layers).double().train()


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "residual": residual_network,
    "grouped": grouped,
    "overwritten": overwritten,
}


def parts_of(network: nn.Module) -> tuple[Callable[[Any], Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """Logits as a function of all parameters but one, those, and a direction."""
    at = {name: value.detach() for name, value in network.named_parameters()}
    del at["conv1.weight" if "conv1.weight" in at else next(iter(at))]
    generator = torch.Generator().manual_seed(3)
    along = {name: torch.randn(value.shape, generator=generator, dtype=value.dtype) for name, value in at.items()}

    def logits(parameters: Any) -> Tensor:
        buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
        return functional_call(network, {**parameters, **buffers}, (IMAGES,))

    return logits, at, along


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_torchs_derivative(name: str, kept: bool) -> None:
    network = NETWORKS[name]()
    function, at, along = parts_of(network)
    with OwnPass() as own:
        network(IMAGES)
    ours = derivative(function, at, along, own if kept else None)
    _, expected = jvp(function, (at,), (along,))
    assert expected.abs().min() > 0
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_own_pass_is_a_pass_as_any_other(name: str) -> None:
    network, plain = NETWORKS[name](), NETWORKS[name]()
    with OwnPass():
        logits = network(IMAGES)
    expected = plain(IMAGES)
    assert torch.equal(logits, expected)
    torch.testing.assert_close(network.state_dict(), plain.state_dict(), rtol=0, atol=0)
    for output in (logits, expected):
        output.square().sum().backward()
    for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=0)


def test_a_derivative_leaves_gradients_buffers_and_the_own_graph_alone() -> None:
    network = residual_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    function, at, along = parts_of(network)
    with OwnPass() as own:
        logits = network(IMAGES)
    moved = {name: value.clone() for name, value in network.state_dict().items()}
    derivative(function, at, along, own)
    assert all(parameter.grad is None for parameter in network.parameters())
    torch.testing.assert_close(network.state_dict(), moved, rtol=0, atol=0)
    assert any(not torch.equal(moved[name], before[name]) for name in before)
    logits.sum().backward()


class Counting(TorchDispatchMode):
    """Counts operations by name."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls[func.name()] += 1
        return func(*args, **(kwargs or {}))


def operations(own: bool) -> Counter[str]:
    network = residual_network()
    function, at, along = parts_of(network)
    with OwnPass() as kept:
        network(IMAGES)
    with Counting() as counting:
        derivative(function, at, along, kept if own else None)
    return counting.calls


def test_with_the_own_pass_a_layer_takes_one_convolution_and_no_statistics() -> None:
    layers = sum(isinstance(layer, nn.Conv2d) for layer in residual_network().modules())
    alone, shared = operations(own=False), operations(own=True)
    assert alone["aten::convolution"] == 2 * layers - 1, "the first has neither tangent"
    assert shared["aten::convolution"] == layers - 1
    assert alone["aten::native_batch_norm"] == layers
    assert shared["aten::native_batch_norm"] == 0


def test_what_was_changed_in_place_is_computed_anew() -> None:
    network = grouped()
    with OwnPass() as own:
        network(IMAGES)
    assert [output is None for output in own.convolutions()] == [True, False]
    assert [output is None for output in own.norms()] == [False, False, False]
    network = overwritten()
    with OwnPass() as own:
        network(IMAGES)
    assert [output is None for output in own.convolutions()] == [False, False]
    assert [output is None for output in own.norms()] == [True, False]


def test_of_a_pass_that_drew_random_numbers_nothing_is_taken() -> None:
    network = dropped()
    with OwnPass() as own:
        network(IMAGES)
    assert [*own.convolutions(), *own.norms()] == [None, None]


@pytest.mark.parametrize(
    "draw",
    [
        lambda x: nn.functional.dropout2d(x),
        lambda x: x * x.new_empty(len(x), 1, 1, 1).bernoulli_(0.5),
        lambda x: x + torch.rand_like(x),
        lambda x: x * torch.randn(1).double(),
    ],
)
def test_random_numbers_are_noticed(draw: Callable[[Tensor], Tensor]) -> None:
    layer = nn.Conv2d(3, 4, 3).double()
    with OwnPass() as own:
        draw(layer(IMAGES))
    assert [*own.convolutions()] == [None]


def test_what_no_parameter_reaches_has_the_derivative_0() -> None:
    assert derivative(lambda _: torch.ones(3), {"a": torch.ones(2)}, {"a": torch.ones(2)}).tolist() == [0, 0, 0]
