"""The mixture of two beta distributions: golden values, a slow reference, what a fit that breaks down leaves."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta as beta_distribution
from torch import Tensor

from olsrepro.methods.arazo.beta_mixture import (
    BetaMixture,
    first_mixture,
    fit_mixture,
    kept_losses,
    look_up,
    normalised,
    posterior,
    posterior_table,
    responsibilities,
)
from olsrepro.methods.arazo.noise_model import NoiseModel

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden" / "golden_noisy.json").read_text())["bmm"]
LOSSES = torch.tensor(GOLDEN["losses"], dtype=torch.float64)
KEPT, RANGE = kept_losses(LOSSES, (5.0, 95.0))
SHARES = normalised(KEPT, RANGE)


def same(ours: Tensor, golden: Any, atol: float = 1e-9) -> None:
    torch.testing.assert_close(ours.double(), torch.tensor(golden, dtype=torch.float64), rtol=0, atol=atol)


def golden_mixture(iterations: int) -> BetaMixture:
    fitted = fit_mixture(SHARES, iterations)
    assert fitted is not None
    return fitted


# Golden values


def test_losses_between_the_percentiles_are_kept_and_normalised() -> None:
    low, high = RANGE
    same(low, GOLDEN["min_loss_used"])
    same(high, GOLDEN["percentile_high"])
    same(KEPT, GOLDEN["kept"])
    same(SHARES, GOLDEN["normalised"])


def test_the_first_expectation_is_golden() -> None:
    same(responsibilities(first_mixture(), SHARES.clamp(1e-4))[1], GOLDEN["responsibilities_noisy_first_e_step"])


@pytest.mark.parametrize("iterations", [1, 10])
def test_a_fit_is_golden_after_some_iterations(iterations: int) -> None:
    for name, values in golden_mixture(iterations)._asdict().items():
        same(values, GOLDEN[f"params_after_iter_{iterations}"][name])


def test_the_last_responsibilities_and_posteriors_are_golden() -> None:
    mixture = golden_mixture(10)
    same(responsibilities(mixture, SHARES.clamp(1e-4))[1], GOLDEN["final_responsibilities_noisy"])
    queries = normalised(torch.tensor(GOLDEN["query_losses"]), RANGE)
    same(queries, GOLDEN["query_normalised"], atol=1e-6)
    same(posterior(mixture, queries), GOLDEN["query_posterior_exact"], atol=1e-6)


def test_the_table_is_golden() -> None:
    table = posterior_table(golden_mixture(10), 100)
    for at, value in GOLDEN["lookup_samples"].items():
        same(table[int(at)], value)


def test_the_model_gives_the_golden_probabilities_of_a_noisy_label() -> None:
    model = NoiseModel((5.0, 95.0), iterations=10, bins=100)
    model.fit(LOSSES)
    same(model.noisy(torch.tensor(GOLDEN["query_losses"])), GOLDEN["query_B"])
    assert model.facts()["noisy_alpha"] == pytest.approx(GOLDEN["params_after_iter_10"]["alpha"][1])
    assert model.facts()["clean_beta"] == pytest.approx(GOLDEN["params_after_iter_10"]["beta"][0])
    assert model.facts()["noisy_weight"] == pytest.approx(GOLDEN["params_after_iter_10"]["weight"][1])
    assert model.facts()["fit_broke_down"] == 0


# A slow reference


def slow_fit(shares: list[float], iterations: int) -> tuple[list[float], list[float], list[float]]:
    """Expectation and moments, sample by sample."""
    alpha, beta, weight = [1.0, 2.0], [2.0, 1.0], [0.5, 0.5]
    shares = [min(max(share, 1e-4), 1 - 1e-4) for share in shares]
    for _ in range(iterations):
        columns = []
        for share in shares:
            pair = [max(weight[k] * beta_distribution.pdf(share, alpha[k], beta[k]), 1e-12) for k in range(2)]
            columns.append([value / sum(pair) for value in pair])
        for k in range(2):
            total = sum(column[k] for column in columns)
            mean = sum(column[k] * share for column, share in zip(columns, shares, strict=True)) / total
            spread = sum(c[k] * (share - mean) ** 2 for c, share in zip(columns, shares, strict=True)) / total
            alpha[k] = mean * (mean * (1 - mean) / spread - 1)
            beta[k] = alpha[k] * (1 - mean) / mean
            weight[k] = total / len(shares)
    return alpha, beta, weight


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.001, 0.999), min_size=8, max_size=30, unique=True))
def test_a_fit_is_that_of_the_definition(shares: list[float]) -> None:
    fitted = fit_mixture(torch.tensor(shares, dtype=torch.float64), 4)
    if fitted is None:
        return
    for ours, expected in zip(fitted, slow_fit(shares, 4), strict=True):
        assert ours.tolist() == pytest.approx(expected, rel=1e-6)


# Properties


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 30), min_size=4, max_size=60))
def test_normalised_losses_lie_inside_of_the_unit_interval(losses: list[float]) -> None:
    values = torch.tensor(losses, dtype=torch.float64)
    shares = normalised(values, kept_losses(values, (5.0, 95.0))[1])
    assert ((shares > 0) & (shares < 1)).all()


@settings(max_examples=50, deadline=None)
@given(st.floats(0.2, 5), st.floats(0.2, 5), st.floats(0.2, 5), st.floats(0.2, 5), st.floats(0.05, 0.95))
def test_a_table_stays_at_its_largest_value(a: float, b: float, c: float, d: float, clean: float) -> None:
    shapes = torch.tensor([[a, b], [c, d], [clean, 1 - clean]], dtype=torch.float64)
    table = posterior_table(BetaMixture(*shapes), 50)
    first = int((table == table.max()).nonzero()[0])
    assert (table[first:] == table.max()).all()
    assert ((table >= 0) & (table <= 1)).all()


def test_every_share_finds_its_bin_and_no_certainty() -> None:
    table = torch.linspace(0, 1, 4, dtype=torch.float64)
    shares = torch.tensor([0.0, 0.2499, 0.25, 0.5, 0.99, 1.0, math.nan], dtype=torch.float64)
    assert look_up(table, shares).tolist() == pytest.approx([1e-4, 1e-4, 1 / 3, 2 / 3, 1 - 1e-4, 1 - 1e-4, 1e-4])


def test_two_groups_of_losses_are_told_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    clean, noisy = torch.rand(700, generator=generator) ** 3 * 2.5, 2 + 2 * torch.rand(300, generator=generator)
    model = NoiseModel((5.0, 95.0), iterations=10, bins=100)
    model.fit(torch.cat([clean, noisy]))
    assert model.noisy(clean).median() < 0.1
    assert model.noisy(noisy).median() > 0.8
    assert model.facts()["noisy_weight"] == pytest.approx(0.3, abs=0.05)


def test_a_noisy_component_that_is_unbounded_at_0_makes_the_authors_table_all_1() -> None:
    shapes = torch.tensor([[3.4, 0.3], [28.9, 0.2], [0.6, 0.4]], dtype=torch.float64)
    mixture = BetaMixture(*shapes)
    assert posterior(mixture, torch.tensor([0.1], dtype=torch.float64)) < 0.1
    same(posterior_table(mixture, 100), [1.0] * 100, atol=1e-3)


# What can't be fitted


@pytest.mark.parametrize("losses", [torch.ones(20), torch.full((20,), math.nan), torch.full((20,), math.inf)])
def test_a_fit_that_breaks_down_leaves_the_mixture_of_the_epoch_before(losses: Tensor) -> None:
    model = NoiseModel((5.0, 95.0), iterations=10, bins=100)
    model.fit(LOSSES)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.fit(losses)
    assert model.facts()["fit_broke_down"] == 1
    after = dict(model.state_dict())
    del before["broke_down"], after["broke_down"]
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    model.fit(LOSSES)
    assert model.facts()["fit_broke_down"] == 0


def test_before_the_first_fit_nothing_is_known() -> None:
    model = NoiseModel((5.0, 95.0), iterations=10, bins=100)
    assert model.noisy(torch.tensor([0.0, 0.5, 9.0])).tolist() == [0.5, 0.5, 0.5]
