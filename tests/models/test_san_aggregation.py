"""SAN's windows, their weighted sum against a loop over single values, and what it keeps for the backward pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.autograd.forward_ad as forward_ad
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from olsrepro.models.registry import build_backbone
from olsrepro.models.san import attention
from olsrepro.models.san.aggregation import aggregate
from olsrepro.models.san.settings import Settings
from olsrepro.models.san.windows import reflect_pad, shifted, unfolded

SHAPES = [(2, 2, 3, 4, 5, 3), (1, 3, 2, 5, 4, 7), (3, 1, 2, 2, 6, 3), (1, 4, 1, 3, 3, 5)]
every_shape = pytest.mark.parametrize("shape", SHAPES)


def drawn(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, int]:
    """Weights and values for ``(batch, groups, share, height, width, kernel)``."""
    batch, groups, share, height, width, kernel = shape
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(batch, groups, kernel**2, height, width, dtype=torch.float64, generator=generator)
    values = torch.randn(batch, share * groups, height, width, dtype=torch.float64, generator=generator)
    return weights.to(dtype).requires_grad_(), values.to(dtype).requires_grad_(), kernel


def reflected(index: int, size: int) -> int:
    """-1 is 1, ``size`` is ``size - 2``."""
    return size - 1 - abs(size - 1 - abs(index))


def slow_aggregate(weights: Tensor, values: Tensor, kernel: int) -> Tensor:
    """The definition, value by value."""
    groups, margin = weights.shape[1], kernel // 2
    height, width = values.shape[-2:]
    out = torch.zeros_like(values)
    for c in range(values.shape[1]):
        for y in range(height):
            for x in range(width):
                for t in range(kernel**2):
                    row, column = reflected(y + t // kernel - margin, height), reflected(x + t % kernel - margin, width)
                    out[:, c, y, x] += weights[:, c % groups, t, y, x] * values[:, c, row, column]
    return out


def unfold_form(weights: Tensor, values: Tensor, kernel: int) -> Tensor:
    """The straightforward form: copies of all windows, multiplied and summed."""
    groups, (height, width) = weights.shape[1], values.shape[-2:]
    windows = F.unfold(reflect_pad(values, kernel // 2), kernel)
    windows = windows.view(len(values), -1, groups, kernel**2, height, width)
    return (weights.unsqueeze(1) * windows).sum(3).view_as(values)


def gradients(form: Callable[..., Tensor], weights: Tensor, values: Tensor, kernel: int) -> tuple[Tensor, ...]:
    out = form(weights, values, kernel)
    upstream = torch.linspace(-1, 2, out.numel(), dtype=out.dtype).view_as(out)
    return torch.autograd.grad(out, (weights, values), upstream)


@every_shape
def test_the_sum_over_windows_is_the_loop_over_single_values(shape: tuple[int, ...]) -> None:
    found, expected = (form(*drawn(shape)) for form in (aggregate, slow_aggregate))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


@every_shape
def test_its_gradients_are_those_of_the_loop(shape: tuple[int, ...]) -> None:
    found, expected = (gradients(form, *drawn(shape)) for form in (aggregate, slow_aggregate))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_gradients_and_their_gradients_are_those_of_finite_differences() -> None:
    weights, values, kernel = drawn((1, 2, 2, 3, 2, 3))
    assert torch.autograd.gradcheck(lambda w, v: aggregate(w, v, kernel), (weights, values))
    assert torch.autograd.gradgradcheck(lambda w, v: aggregate(w, v, kernel), (weights, values))


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:FutureWarning")  # torch's own first use of it
@every_shape
def test_without_a_graph_values_are_the_same_and_forward_mode_gives_the_derivative(shape: tuple[int, ...]) -> None:
    weights, values, kernel = drawn(shape)
    expected = aggregate(weights, values, kernel)
    upstream = torch.linspace(-1, 2, expected.numel(), dtype=torch.float64).view_as(expected)
    gradient = torch.autograd.grad(expected, (weights, values), upstream)
    along = [torch.randn_like(part) for part in (weights, values)]
    with torch.no_grad(), forward_ad.dual_level():
        duals = [forward_ad.make_dual(part.detach(), to) for part, to in zip((weights, values), along, strict=True)]
        found, tangent = forward_ad.unpack_dual(aggregate(*duals, kernel))
    assert torch.equal(found, expected)
    products = sum((g * to).sum() for g, to in zip(gradient, along, strict=True))
    torch.testing.assert_close((tangent * upstream).sum(), products, rtol=1e-10, atol=1e-10)


def test_a_compiler_takes_it_whole() -> None:
    weights, values, kernel = drawn((1, 2, 2, 4, 4, 3))
    compiled = torch.compile(aggregate, backend="aot_eager", fullgraph=True)
    pair = [gradients(form, weights, values, kernel) for form in (compiled, aggregate)]
    torch.testing.assert_close(*pair, rtol=0, atol=1e-13)


def test_channel_c_is_weighted_by_weight_channel_c_modulo_their_number() -> None:
    weights = torch.zeros(1, 3, 9, 2, 2)
    weights[:, 1, 4] = 1  # the centre of the window
    values = torch.randn(1, 24, 2, 2)
    kept = [c for c in range(24) if aggregate(weights, values, 3)[0, c].any()]
    assert kept == [1, 4, 7, 10, 13, 16, 19, 22]


def test_half_types_are_summed_in_fp32() -> None:
    weights, values, kernel = drawn((2, 2, 8, 8, 8, 7), torch.bfloat16)
    exact = aggregate(weights.double(), values.double(), kernel)
    found = aggregate(weights, values, kernel)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), exact, rtol=2**-8, atol=1e-4)
    for half, full in zip(
        gradients(aggregate, weights, values, kernel),
        gradients(aggregate, weights.double(), values.double(), kernel),
        strict=True,
    ):
        assert half.dtype == torch.bfloat16
        assert (half.double() - full).abs().max() < 2**-7 * full.abs().max()


def test_weights_in_fp32_and_values_in_bf16_give_the_values_type() -> None:
    weights, values, kernel = drawn((1, 2, 2, 4, 4, 3), torch.float32)
    halves = values.detach().bfloat16().requires_grad_()
    found = aggregate(weights, halves, kernel)
    expected = aggregate(weights, halves.float(), kernel).bfloat16()
    assert torch.equal(found, expected)
    assert [part.dtype for part in torch.autograd.grad(found.sum(), (weights, halves))] == [
        torch.float32,
        torch.bfloat16,
    ]


def test_the_memory_format_changes_no_value() -> None:
    weights, values, kernel = drawn((2, 2, 8, 5, 6, 3))
    last = values.detach().to(memory_format=torch.channels_last).requires_grad_()
    assert torch.equal(aggregate(weights, values, kernel), aggregate(weights, last, kernel))
    found, expected = (gradients(aggregate, weights, given, kernel) for given in (last, values))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


@given(height=st.integers(1, 7), width=st.integers(1, 7), margin=st.integers(0, 3), channels=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_padding_mirrors_without_repeating_the_edge(height: int, width: int, margin: int, channels: int) -> None:
    features = torch.randn(2, channels, height, width, dtype=torch.float64, requires_grad=True)
    if min(height, width) <= margin:
        with pytest.raises(ValueError, match=rf"cannot reflect {margin} pixels: it must have at least {margin + 1}"):
            reflect_pad(features, margin)
        return
    found, expected = reflect_pad(features, margin), F.pad(features, [margin] * 4, mode="reflect")
    assert torch.equal(found, expected)
    upstream = torch.randn_like(expected)
    pair = (torch.autograd.grad(padded, features, upstream)[0] for padded in (found, expected))
    torch.testing.assert_close(*pair, rtol=0, atol=1e-13)


def test_a_window_is_read_row_by_row() -> None:
    features = torch.arange(9.0).view(1, 1, 3, 3)
    centre = unfolded(features, 3)[0, 0, :, 4]
    corner = unfolded(features, 3)[0, 0, :, 0]
    assert centre.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert corner.tolist() == [4, 3, 4, 1, 0, 1, 4, 3, 4]


def test_the_views_of_a_padded_map_are_its_windows_without_a_copy() -> None:
    features = torch.randn(2, 3, 5, 4)
    padded = reflect_pad(features, 1)
    views = list(shifted(padded, 3))
    assert torch.equal(torch.stack(views, 2).flatten(3), unfolded(features, 3))
    assert {view.untyped_storage().data_ptr() for view in views} == {padded.untyped_storage().data_ptr()}


def kept_for_backward(network: nn.Module, images: Tensor) -> int:
    """Bytes of the storages that one forward pass keeps, parameters aside."""
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        network(images)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


@pytest.mark.parametrize(
    ("sa_type", "unfold_mib", "most"), [("pairwise", 583, 0.70), ("patchwise", 471, 0.60)], ids=["pair", "patch"]
)
def test_san15_keeps_far_less_for_backward_than_with_copies_of_all_windows(
    sa_type: str, unfold_mib: int, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, images = build_backbone(Settings(sa_type=sa_type), 1000), torch.randn(1, 3, 224, 224)
    ours = kept_for_backward(network, images)
    monkeypatch.setattr(attention, "aggregate", unfold_form)
    copied = kept_for_backward(network, images)
    assert round(copied / 2**20) == unfold_mib
    assert ours <= most * copied
