"""FGSM and PGD as pure functions: golden end points, slow references by finite differences, properties."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from toy_subject import toy_images, toy_network

from olsrepro.evaluation.attack import LOSSES, check_bounds, cross_entropies, fgsm, margins, pgd, random_start
from olsrepro.evaluation.input_space import ANY_VALUE, PixelNetwork

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/golden_evaluations.json").read_text())
TINY = GOLDEN["examples"]["fgsm_pgd_tiny_net"]
INPUTS, EXPECTED = TINY["inputs"], TINY["expected"]
EIGHT, TWO = 8 / 255, 2 / 255
PIXELS = torch.tensor(INPUTS["x_pixels_0_1"]).view(5, 4, 1, 1)
LABELS = torch.tensor(INPUTS["labels"])
Floats = npt.NDArray[np.float64]


class TinyNet(nn.Module):
    """The golden network after its normalisation: W2 relu(W1 x + b1) + b2, of four channels of one pixel."""

    def forward(self, inputs: Tensor) -> Tensor:
        w1, b1, w2, b2 = (torch.tensor(INPUTS[key], dtype=inputs.dtype) for key in ("W1", "b1", "W2", "b2"))
        return (inputs.flatten(1) @ w1.T + b1).relu() @ w2.T + b2


def tiny_network() -> PixelNetwork:
    return PixelNetwork(TinyNet(), torch.tensor(INPUTS["mean"]), torch.tensor(INPUTS["std"]))


def tiny_losses(pixels: Floats) -> Floats:
    """Cross entropies of the golden network in float64, written from its formula."""
    w1, b1, w2, b2 = (np.array(INPUTS[key]) for key in ("W1", "b1", "W2", "b2"))
    normalised = (pixels - np.array(INPUTS["mean"])) / np.array(INPUTS["std"])
    logits = np.maximum(normalised @ w1.T + b1, 0) @ w2.T + b2
    return np.asarray(np.log(np.exp(logits).sum(1)) - logits[np.arange(len(pixels)), INPUTS["labels"]])


def slow_pgd(pixels: Floats, epsilon: float, step: float, iterations: int) -> Floats:
    """The definition, with the gradient by central differences."""
    attacked = pixels.copy()
    for _ in range(iterations):
        gradient = np.zeros_like(pixels)
        for place in range(pixels.shape[1]):
            nudge = np.zeros(pixels.shape[1])
            nudge[place] = 1e-6
            gradient[:, place] = (tiny_losses(attacked + nudge) - tiny_losses(attacked - nudge)) / 2e-6
        moved = attacked + step * np.sign(gradient)
        attacked = np.clip(np.clip(moved, pixels - epsilon, pixels + epsilon), 0, 1)
    return attacked


def predictions(pixels: Tensor) -> list[int]:
    classes: list[int] = tiny_network()(pixels).argmax(1).tolist()
    return classes


def losses(pixels: Tensor) -> list[float]:
    found: list[float] = cross_entropies(tiny_network()(pixels), LABELS).tolist()
    return found


def test_the_clean_images_have_the_golden_losses_and_classes() -> None:
    assert losses(PIXELS) == pytest.approx(EXPECTED["clean_loss"], abs=2e-6)
    assert predictions(PIXELS) == EXPECTED["clean_pred"]


def test_fgsm_ends_on_the_golden_points() -> None:
    attacked = fgsm(tiny_network(), PIXELS, LABELS, epsilon=EIGHT)
    np.testing.assert_allclose(attacked.flatten(1), EXPECTED["fgsm_x"], atol=1e-6)
    assert losses(attacked) == pytest.approx(EXPECTED["fgsm_loss"], abs=2e-6)
    assert predictions(attacked) == EXPECTED["fgsm_pred"]


def test_pgd_ends_on_the_golden_points() -> None:
    attacked = pgd(tiny_network(), PIXELS, LABELS, epsilon=EIGHT, step_size=TWO, iterations=20)
    np.testing.assert_allclose(attacked.flatten(1), EXPECTED["pgd_x"], atol=1e-6)
    assert losses(attacked) == pytest.approx(EXPECTED["pgd_loss"], abs=2e-6)
    assert predictions(attacked) == EXPECTED["pgd_pred"]


def test_pgd_that_stops_at_success_ends_on_the_golden_points() -> None:
    attacked = pgd(tiny_network(), PIXELS, LABELS, epsilon=EIGHT, step_size=TWO, iterations=20, stop_at_success=True)
    np.testing.assert_allclose(attacked.flatten(1), EXPECTED["pgd_stop_at_first_success_x"], atol=1e-6)
    assert losses(attacked) == pytest.approx(EXPECTED["pgd_stop_loss"], abs=2e-6)
    assert torch.equal(attacked[4], PIXELS[4]), "wrong before the attack: it never moves"


@pytest.mark.parametrize(
    ("epsilon", "step", "iterations"),
    [(EIGHT, EIGHT, 1), (EIGHT, TWO, 20), (0.05, 1 / 255, 40), (0.3, 0.01, 10), (TWO, 0.05, 3)],
)
def test_attacks_follow_gradients_by_finite_differences(epsilon: float, step: float, iterations: int) -> None:
    pixels = PIXELS.double()
    network = tiny_network().double()
    attacked = pgd(network, pixels, LABELS, epsilon=epsilon, step_size=step, iterations=iterations)
    expected = slow_pgd(pixels.flatten(1).numpy(), epsilon, step, iterations)
    np.testing.assert_allclose(attacked.flatten(1), expected, atol=1e-9)


def test_an_attack_on_normalised_inputs_is_one_in_pixels_of_a_bound_per_channel() -> None:
    mean, std = (torch.tensor(INPUTS[key]).view(-1, 1, 1) for key in ("mean", "std"))
    inputs = (PIXELS - mean) / std
    attacked = fgsm(TinyNet(), inputs, LABELS, epsilon=EIGHT, value_range=ANY_VALUE)
    in_pixels = (fgsm(tiny_network(), PIXELS, LABELS, epsilon=EIGHT) - PIXELS).sign()
    unclipped = in_pixels != 0
    change = (attacked * std + mean - PIXELS)[unclipped]
    torch.testing.assert_close(change, (in_pixels * EIGHT * std)[unclipped], atol=1e-6, rtol=0)


def test_normalised_inputs_are_kept_in_no_range() -> None:
    inputs = torch.full((3, 3, 8, 8), 2.5)
    attacked = fgsm(toy_network(3), inputs, torch.arange(3), epsilon=0.25, value_range=ANY_VALUE)
    assert float(attacked.max()) == 2.75
    assert float(attacked.min()) == 2.25


def toy_pixels(count: int, seed: int) -> tuple[Tensor, Tensor]:
    images, targets = toy_images(count, 3, seed=seed)
    return images / 255, targets


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    epsilon=st.sampled_from([0.0, 1 / 255, EIGHT, 0.3, 1.0]),
    step=st.sampled_from([0.0, TWO, 0.1, 1.0]),
    iterations=st.integers(0, 4),
    loss=st.sampled_from(sorted(LOSSES)),
    stops=st.booleans(),
    starts=st.booleans(),
)
def test_what_comes_out_is_within_the_bound_and_in_range(
    seed: int, epsilon: float, step: float, iterations: int, loss: str, stops: bool, starts: bool
) -> None:
    pixels, targets = toy_pixels(4, seed)
    start = random_start(pixels, torch.arange(4), epsilon=epsilon, seed=seed) if starts else None
    attacked = pgd(
        toy_network(3, seed),
        pixels,
        targets,
        epsilon=epsilon,
        step_size=step,
        iterations=iterations,
        start=start,
        stop_at_success=stops,
        loss=LOSSES[loss],
    )
    assert float((attacked - pixels).abs().max()) <= epsilon + 1e-6
    assert 0 <= float(attacked.min()) <= float(attacked.max()) <= 1
    if epsilon == 0 or iterations == 0:
        assert torch.equal(attacked, pixels)


@pytest.mark.parametrize("loss", LOSSES.values())
def test_fgsm_is_pgd_with_one_step_of_the_bound(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    pixels, targets = toy_pixels(12, 1)
    one = fgsm(toy_network(3), pixels, targets, epsilon=EIGHT, loss=loss)
    other = pgd(toy_network(3), pixels, targets, epsilon=EIGHT, step_size=EIGHT, iterations=1, loss=loss)
    assert torch.equal(one, other)
    assert not torch.equal(one, pixels)


@pytest.mark.parametrize("loss", LOSSES.values())
def test_on_average_pgd_raises_its_loss_at_least_as_much_as_fgsm(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    network = toy_network(3)
    pixels, targets = toy_pixels(60, 2)
    one_step = fgsm(network, pixels, targets, epsilon=0.1, loss=loss)
    many = pgd(network, pixels, targets, epsilon=0.1, step_size=0.01, iterations=20, loss=loss)
    before, after_one, after_many = (float(loss(network(x), targets).mean()) for x in (pixels, one_step, many))
    assert before < after_one <= after_many


def test_a_sample_is_attacked_alike_alone_and_in_a_batch() -> None:
    pixels, targets = toy_pixels(6, 3)
    network, indices = toy_network(3).double(), torch.arange(6)

    def attacked(part: slice) -> Tensor:
        images = pixels[part].double()
        start = random_start(images, indices[part], epsilon=EIGHT, seed=5)
        return pgd(network, images, targets[part], epsilon=EIGHT, step_size=TWO, iterations=3, start=start)

    alone = torch.cat([attacked(slice(i, i + 1)) for i in range(6)])
    torch.testing.assert_close(attacked(slice(None)), alone, atol=1e-12, rtol=0)


def test_a_random_start_is_spread_over_the_bound_and_differs_by_seed_and_sample() -> None:
    grey = torch.full((64, 3, 8, 8), 0.5)
    moved = (random_start(grey, torch.arange(64), epsilon=0.1, seed=0) - grey) / 0.1
    assert abs(float(moved.mean())) < 0.02
    assert float(moved.std()) == pytest.approx(3**-0.5, abs=0.01)
    assert float(moved.abs().max()) > 0.99
    again = random_start(grey[:2], torch.tensor([7, 9]), epsilon=0.1, seed=0)
    torch.testing.assert_close((again - grey[:2]) / 0.1, moved[[7, 9]])
    other = random_start(grey, torch.arange(64), epsilon=0.1, seed=1)
    assert not torch.equal((other - grey) / 0.1, moved)
    assert not torch.equal(moved[0], moved[1])


def test_the_margin_is_the_largest_other_logit_minus_the_true_one() -> None:
    logits = torch.tensor([[1.0, 5.0, 2.0], [0.5, -1.0, 0.0], [3.0, 3.0, 1.0]])
    assert margins(logits, torch.tensor([1, 2, 0])).tolist() == [-3.0, 0.5, 0.0]


def test_the_margin_attack_moves_where_cross_entropy_has_no_gradient_left() -> None:
    class Sure(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            mean = inputs.mean(dim=(2, 3))
            return mean + 500 * torch.tensor([1.0, 0.0, 0.0])

    pixels, targets = torch.full((2, 3, 4, 4), 0.5), torch.zeros(2, dtype=torch.int64)
    assert torch.equal(fgsm(Sure(), pixels, targets, epsilon=0.1), pixels)
    assert not torch.equal(fgsm(Sure(), pixels, targets, epsilon=0.1, loss=margins), pixels)


def test_gradients_are_fp32_under_autocast_and_the_weights_get_none() -> None:
    pixels, targets = toy_pixels(8, 4)
    network = toy_network(3).requires_grad_()
    plain = pgd(network, pixels, targets, epsilon=EIGHT, step_size=TWO, iterations=4)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        inside = pgd(network, pixels, targets, epsilon=EIGHT, step_size=TWO, iterations=4)
    assert torch.equal(plain, inside)
    assert not plain.requires_grad
    assert all(weight.grad is None for weight in network.parameters())


def test_the_images_and_the_settings_of_torch_are_left_as_they_were() -> None:
    pixels, targets = toy_pixels(4, 5)
    before, allowed = pixels.clone(), torch.backends.cudnn.allow_tf32
    with pytest.raises(RuntimeError):
        pgd(nn.Linear(1, 1), pixels, targets, epsilon=EIGHT, step_size=TWO, iterations=1)
    pgd(toy_network(3), pixels, targets, epsilon=EIGHT, step_size=TWO, iterations=0).zero_()
    pgd(toy_network(3), pixels, targets, epsilon=EIGHT, step_size=TWO, iterations=2).zero_()
    assert torch.equal(pixels, before)
    assert torch.backends.cudnn.allow_tf32 is allowed


def test_images_in_half_precision_are_refused() -> None:
    pixels, targets = toy_pixels(2, 0)
    with pytest.raises(ValueError, match="float16; attacks need float32"):
        fgsm(toy_network(3), pixels.half(), targets, epsilon=EIGHT)


@pytest.mark.parametrize("value", [0.56, 0.44, float("nan")])
def test_a_change_beyond_the_bound_or_no_number_is_caught(value: float) -> None:
    images = torch.full((1, 3, 2, 2), 0.5)
    attacked = images.clone()
    attacked[0, 1, 0, 1] = value
    with pytest.raises(AssertionError, match=r"an attack within 0\.05"):
        check_bounds(attacked, images, 0.05, (0.0, 1.0))


def test_a_value_out_of_range_is_caught() -> None:
    with pytest.raises(AssertionError, match="values are in"):
        check_bounds(torch.full((1, 3, 2, 2), 1.01), torch.ones(1, 3, 2, 2), 0.05, (0.0, 1.0))


@pytest.mark.parametrize("value_range", [(-0.1, 0.9), (0.1, 0.6), (-1.7, 1.3)])
def test_a_range_of_values_that_fp32_rounds_is_reached_on_both_sides(value_range: tuple[float, float]) -> None:
    pixels, targets = toy_pixels(4, 0)
    images = pixels.clamp(*value_range)
    attacked = pgd(toy_network(3), images, targets, epsilon=9, step_size=9, iterations=1, value_range=value_range)
    assert {attacked.amin().item(), attacked.amax().item()} == set(torch.tensor(value_range).tolist())


def test_a_network_whose_gradient_is_no_number_is_no_success() -> None:
    class Broken(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return (inputs - inputs).sqrt().sum(dim=(2, 3))

    pixels, targets = toy_pixels(2, 0)
    with pytest.raises(AssertionError):
        fgsm(Broken(), pixels, targets, epsilon=EIGHT)
