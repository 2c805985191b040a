from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olsrepro.experiments.metrics import Metric, metric
from olsrepro.experiments.render.number_text import interval_text, mean_text, signed_text, spread_text
from olsrepro.experiments.table import Interval


@pytest.mark.parametrize(
    ("value", "name", "text"),
    [
        (25.314, "top1_err", "25.31"),
        (0.1399, "kl_to_humans", "0.1399"),
        (0.5, "top1_err", "0.50"),
        (-0.35, "top1_err", "−0.35"),
        (-0.001, "top1_err", "0.00"),
        (5994.0, "train_images", "5994"),
        (1.0, "teacher", "yes"),
        (0.0, "class_level", "sample-level"),
    ],
)
def test_a_mean_has_its_metrics_decimals_or_word_and_keeps_its_zero(value: float, name: str, text: str) -> None:
    assert mean_text(value, metric(name)) == text


def test_a_value_without_a_word_is_a_number() -> None:
    assert mean_text(0.5, Metric("fact", "fact", decimals=1, words={0.0: "no", 1.0: "yes"})) == "0.5"


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(0.184, 2, ".18"), (1.02, 2, "1.02"), (0.0, 2, ".00"), (0.999, 2, "1.00"), (10.0, 2, "10.00"), (0.2, 0, "0")],
)
def test_a_spread_has_no_zero_before_the_point(value: float, decimals: int, text: str) -> None:
    assert spread_text(value, decimals) == text


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(0.07, 2, "+.07"), (-0.29, 2, "−.29"), (-1.2, 2, "−1.20"), (0.004, 2, ".00"), (-0.004, 2, ".00"), (-1, 0, "−1")],
)
def test_a_difference_has_a_sign_unless_it_rounds_to_nothing(value: float, decimals: int, text: str) -> None:
    assert signed_text(value, decimals) == text


def test_an_interval_has_its_limits_in_brackets_and_none_where_it_has_none() -> None:
    assert interval_text(Interval(0.07, -0.29, 0.43), 2) == "+.07 [−.29, +.43]"
    assert interval_text(Interval(-0.047), 4) == "−.0470"


@given(st.floats(-1e4, 1e4), st.integers(0, 4))
def test_what_is_printed_reads_back_as_the_rounded_number(value: float, decimals: int) -> None:
    read = float(signed_text(value, decimals).replace("−", "-"))
    assert read == float(f"{value:.{decimals}f}")
