"""Formatting of numbers: the only place where they are rounded, in the paper's style, with a true minus sign."""

from __future__ import annotations

from olsrepro.experiments.metrics import Metric
from olsrepro.experiments.table import Interval

MINUS = "−"


def mean_text(value: float, metric: Metric) -> str:
    """Format a mean with the metric's decimals, as in ``25.31``, or as its word for a yes or no."""
    if value in metric.words:
        return metric.words[value]
    digits = f"{abs(value):.{metric.decimals}f}"
    return MINUS + digits if value < 0 and float(digits) else digits


def spread_text(value: float, decimals: int) -> str:
    """Format a number that is not negative without the 0 before the point, as in ``.18`` or ``1.07``."""
    digits = f"{value:.{decimals}f}"
    return digits.removeprefix("0") if digits.startswith("0.") else digits


def signed_text(value: float, decimals: int) -> str:
    """Format a number with its sign, as in ``+.07`` or ``−1.20``; one that rounds to zero has none."""
    digits = spread_text(abs(value), decimals)
    if not float(digits):
        return digits
    return ("+" if value > 0 else MINUS) + digits


def interval_text(interval: Interval, decimals: int) -> str:
    """Format an interval as in ``+.07 [−.29, +.43]``, or the difference alone where it has no limits."""
    difference = signed_text(interval.difference, decimals)
    if interval.low is None or interval.high is None:
        return difference
    return f"{difference} [{signed_text(interval.low, decimals)}, {signed_text(interval.high, decimals)}]"
