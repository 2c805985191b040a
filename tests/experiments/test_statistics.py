"""Formulas of a few runs, against golden values, SciPy's own tests and their definitions."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from olsrepro.experiments.statistics import (
    Estimate,
    Sample,
    bartlett_p,
    contrast,
    equivalence_p,
    holm,
    ours_minus_paper,
    own_spread_contrast,
    pooled,
    pooled_difference,
    slope_weights,
    t_quantile,
    welch,
)
from olsrepro.experiments.table import Pool

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/golden_evaluations.json").read_text())["examples"]
ROWS = GOLDEN["statistics_three_rows"]
WANTED = ROWS["expected"]
A, B, C = (Sample.of(ROWS["inputs"][name]) for name in "abc")
POOL = Pool("", 0.5, 12)
PROGRAM = """
import sys
from olsrepro.experiments.statistics import Sample, bartlett_p, ours_minus_paper
from olsrepro.experiments.claims import bold, judge
assert not {"numpy", "scipy", "torch"} & set(sys.modules), "before a quantile is needed"
samples = [Sample.of([1.0, 2.0]), Sample.of([2.0, 5.0])]
bartlett_p(samples), ours_minus_paper(*samples)
assert "scipy.special" in sys.modules
assert not {"scipy.stats", "torch", "sklearn"} & set(sys.modules)
"""


def near(value: float) -> object:
    """Equal up to the six digits of the golden file."""
    return pytest.approx(value, abs=6e-7)


def test_a_sample_has_the_sd_by_n_minus_1() -> None:
    assert [item.mean for item in (A, B, C)] == near(WANTED["means"])
    assert [item.sd for item in (A, B, C)] == near(WANTED["sample_sd"])
    assert A.n == 3


def test_a_single_run_has_no_sd_and_no_spread() -> None:
    assert Sample.of([20.5]) == Sample(20.5, None, 1)
    assert Sample.of([20.5]).spread is None
    assert Sample(20.5, 0.3, 1).spread is None


def test_pooled_spread_and_interval_are_the_golden_ones() -> None:
    pool = pooled([A, B, C])
    assert pool is not None
    assert (pool.sd, pool.df) == (near(WANTED["pooled_sd"]), WANTED["pooled_df"])
    gain = pooled_difference(B, A, pool)
    assert gain.value == near(WANTED["difference_b_minus_a"])
    assert gain.half_width == near(WANTED["half_width_pooled"])
    assert gain.interval.low == pytest.approx(gain.value - gain.half_width)
    assert gain.interval.high == pytest.approx(gain.value + gain.half_width)


def test_pooled_p_and_holm_are_the_golden_ones() -> None:
    pool = pooled([A, B, C])
    assert pool is not None
    p = [pooled_difference(x, y, pool).p for x, y in ((A, B), (A, C), (B, C))]
    assert p == near(WANTED["p_pooled_ab_ac_bc"])
    assert holm(p) == near(WANTED["holm_ab_ac_bc"])


def test_welch_is_the_golden_one() -> None:
    difference = welch(B, A)
    assert difference is not None
    assert difference.value / difference.error == near(WANTED["welch_t"])
    assert (difference.df, difference.p) == (near(WANTED["welch_df"]), near(WANTED["welch_p"]))
    assert difference.half_width == near(WANTED["welch_half_width"])


@pytest.mark.parametrize(("df", "quantile"), GOLDEN["t_quantiles_0.975"]["expected"].items())
def test_quantiles_are_the_golden_ones(df: str, quantile: float) -> None:
    assert t_quantile(0.975, int(df)) == near(quantile)


OURS, PAPER = (Sample(*GOLDEN["ours_against_paper"]["inputs"][name]) for name in ("ours", "paper"))
AGAINST = GOLDEN["ours_against_paper"]["expected"]


def test_ours_minus_paper_is_welch_where_both_have_runs() -> None:
    found, p = ours_minus_paper(OURS, PAPER), welch(OURS, PAPER)
    assert found.high is not None
    assert p is not None
    assert found.difference == near(AGAINST["difference"])
    assert found.high - found.difference == near(AGAINST["welch_half_width"])
    assert (p.df, p.p) == (near(AGAINST["welch_df"]), near(AGAINST["welch_p"]))
    assert found.word == "higher"


def test_two_samples_pool_to_the_golden_half_width() -> None:
    pool = pooled([OURS, PAPER])
    assert pool is not None
    assert pooled_difference(OURS, PAPER, pool).half_width == near(AGAINST["pooled_half_width"])


@pytest.mark.parametrize("paper", [Sample(PAPER.mean), Sample(PAPER.mean, None, 3)], ids=["one run", "no sd"])
def test_ours_minus_paper_is_a_prediction_interval_where_the_paper_has_no_spread(paper: Sample) -> None:
    found = ours_minus_paper(OURS, paper)
    assert found.high is not None
    assert found.high - found.difference == near(AGAINST["prediction_half_width_if_paper_n_is_1"])


def test_one_run_of_ours_has_a_difference_and_no_limits() -> None:
    found = ours_minus_paper(Sample.of([25.0]), PAPER)
    assert (found.low, found.high, found.word) == (None, None, "")
    assert found.difference == pytest.approx(-0.24)


few_values = st.lists(st.integers(0, 400).map(lambda value: value / 16), min_size=2, max_size=6)


@settings(max_examples=50, deadline=None)
@given(few_values, few_values)
def test_pooled_and_welch_agree_with_scipy_on_any_two_samples(first: list[float], second: list[float]) -> None:
    a, b = Sample.of(first), Sample.of(second)
    if a.sd == b.sd == 0:
        return
    pool, own = pooled([a, b]), welch(a, b)
    assert pool is not None
    assert own is not None
    for ours, equal in ((pooled_difference(a, b, pool), True), (own, False)):
        theirs = stats.ttest_ind_from_stats(a.mean, a.sd, a.n, b.mean, b.sd, b.n, equal_var=equal)
        assert ours.p == pytest.approx(theirs.pvalue, abs=1e-10)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 40).map(lambda value: value / 40), min_size=1, max_size=8))
def test_holm_is_its_definition(p: list[float]) -> None:
    """Adjusted p of one hypothesis: the largest of (m - j + 1) p_(j) over the ranks j up to its own."""
    order = sorted(p)
    for value, adjusted in zip(p, holm(p), strict=True):
        rank = order.index(value)
        assert adjusted == max(min(1.0, (len(p) - j) * order[j]) for j in range(rank + 1))


def test_holm_keeps_the_order_of_its_input_and_of_nothing_makes_nothing() -> None:
    assert holm([0.5, 0.01, 0.02]) == pytest.approx([0.5, 0.03, 0.04])
    assert holm([]) == []


def test_pooling_leaves_out_single_runs() -> None:
    assert pooled([A, Sample(3.0), B]) == pooled([A, B])
    assert pooled([Sample(1.0), Sample(2.0, None, 3)]) is None


def test_bartlett_agrees_with_scipy_on_raw_values() -> None:
    groups = [[1.0, 2.0, 4.0, 3.5], [0.5, 0.1, 7.0], [3.0, 3.1, 2.7, 2.6, 3.3]]
    assert bartlett_p(map(Sample.of, groups)) == pytest.approx(stats.bartlett(*groups).pvalue, rel=1e-12)


def test_bartlett_takes_an_sd_of_0_as_005_and_needs_two_spreads() -> None:
    assert bartlett_p([Sample(1.0, 0.0, 3), A]) == bartlett_p([Sample(1.0, 0.005, 3), A])
    assert bartlett_p([A, Sample(2.0)]) is None


def test_a_mean_of_differences_has_the_error_of_its_formula() -> None:
    """d +- t s_p / m sqrt(sum (1 / n_a + 1 / n_b))."""
    pairs = [(Sample(3.0, 1.0, 3), Sample(1.0, 1.0, 5)), (Sample(7.0, 1.0, 2), Sample(6.0, 1.0, 4))]
    found = contrast([term for a, b in pairs for term in ((0.5, a, POOL), (-0.5, b, POOL))])
    assert found.value == pytest.approx(1.5)
    assert found.error == pytest.approx(0.5 / 2 * math.sqrt(1 / 3 + 1 / 5 + 1 / 2 + 1 / 4))
    assert found.df == 12


def test_a_slope_is_that_of_least_squares_with_its_error() -> None:
    x, y = [0.1, 0.2, 0.4, 0.5, 0.9], [6.0, 5.5, 5.75, 5.0, 4.5]
    found = contrast((weight, Sample(mean, 0.5, 3), POOL) for weight, mean in zip(slope_weights(x), y, strict=True))
    assert found.value == pytest.approx(np.polyfit(x, y, 1)[0])
    assert found.error == pytest.approx(POOL.sd / math.sqrt(3 * np.sum((np.array(x) - np.mean(x)) ** 2)))


def test_a_slope_over_one_x_is_refused() -> None:
    with pytest.raises(ValueError, match="two different x"):
        slope_weights([2.0, 2.0])


def test_one_sample_against_a_constant_agrees_with_scipy() -> None:
    values = [1.3, 1.9, 1.1, 1.6]
    found = own_spread_contrast([(1.0, Sample.of(values))])
    assert found is not None
    assert found.minus(1.0).p == pytest.approx(stats.ttest_1samp(values, 1.0).pvalue)


def test_two_one_sided_tests_agree_with_scipy() -> None:
    first, second = [20.1, 20.3, 20.2, 20.25], [20.2, 20.15, 20.4, 20.1]
    pool = pooled([Sample.of(first), Sample.of(second)])
    assert pool is not None
    difference = pooled_difference(Sample.of(first), Sample.of(second), pool)
    below = stats.ttest_ind(np.array(first) - 0.3, second, alternative="less").pvalue
    above = stats.ttest_ind(np.array(first) + 0.3, second, alternative="greater").pvalue
    assert difference.p_below(0.3) == pytest.approx(below)
    assert difference.p_above(-0.3) == pytest.approx(above)
    assert equivalence_p(difference, 0.3) == pytest.approx(max(below, above))


def test_pools_that_differ_are_joined_by_satterthwaite() -> None:
    a, b, low, high = Sample(3.0, 1.0, 4), Sample(1.0, 1.0, 2), Pool("low", 0.5, 10), Pool("high", 2.0, 4)
    found = contrast([(1.0, a, low), (-1.0, b, high)])
    v, w = 0.25 / 4, 4.0 / 2
    assert found.error == pytest.approx(math.sqrt(v + w))
    assert found.df == pytest.approx((v + w) ** 2 / (v**2 / 10 + w**2 / 4))


def test_a_difference_of_estimates_adds_their_variances() -> None:
    found = Estimate(3.0, 0.3, 5) - Estimate(1.0, 0.4, 8)
    assert (found.value, found.error) == (2.0, pytest.approx(0.5))
    assert found.df == pytest.approx(0.25**2 / (0.09**2 / 5 + 0.16**2 / 8))


def test_without_any_spread_a_difference_is_certain_and_equality_says_nothing() -> None:
    flat = Pool("", 0.0, 4)
    apart = pooled_difference(Sample(2.0, 0.0, 3), Sample(1.0, 0.0, 3), flat)
    equal = pooled_difference(Sample(2.0, 0.0, 3), Sample(2.0, 0.0, 3), flat)
    assert (apart.p, apart.half_width, apart.df) == (0.0, 0.0, 4)
    assert equal.p == 1.0
    assert (apart.p_above(0.5), apart.p_below(0.5)) == (0.0, 1.0)


@pytest.mark.parametrize(("mean", "p"), [(2.0, 0.0), (1.0, 1.0)])
def test_welch_without_any_spread_is_certain_of_a_difference_and_says_nothing_of_equality(
    mean: float, p: float
) -> None:
    found = welch(Sample(mean, 0.0, 3), Sample(1.0, 0.0, 5))
    assert found is not None
    assert (found.value, found.error, found.half_width, found.p) == (mean - 1.0, 0.0, 0.0, p)


def test_statistics_and_claims_load_scipy_special_when_needed_and_never_scipy_stats() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
