"""Switch ``update_period``: when the soft labels of a method are replaced (no torch here)."""

from __future__ import annotations

from olsrepro.checks import whole_number


def period_steps(update_period: str) -> int | None:
    """Return the optimiser steps in a period, counted over the whole training; None if a period is an epoch.

    Raises:
        ValueError: the value is neither ``epoch`` nor a number of at least 1.
    """
    if update_period == "epoch":
        return None
    steps = whole_number(update_period)
    if not steps:
        raise ValueError(f"update_period={update_period} must be epoch or a number of steps of at least 1")
    return steps
