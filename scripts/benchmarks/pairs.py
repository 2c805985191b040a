"""Paired timing: both sides in every round, so that what slows the machine down slows both."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Pairs:
    """Seconds a call of both sides, round by round."""

    ours: list[float]
    baseline: list[float]

    @property
    def ratios(self) -> list[float]:
        return [ours / baseline for ours, baseline in zip(self.ours, self.baseline, strict=True)]

    @property
    def median_ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def interval(self) -> tuple[float, float]:
        """A confidence interval for the median ratio."""
        return median_interval(self.ratios)


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """A confidence interval of at least 95 % for the median, by order statistics (sign test); of few, their range."""
    ordered = sorted(values)
    rank = _lower_rank(len(ordered))
    return ordered[rank], ordered[-1 - rank]


def paired(
    ours: Callable[[], object], baseline: Callable[[], object], *, rounds: int, inner: int = 1, warmup: int = 2
) -> Pairs:
    """Time both in each of ``rounds`` rounds, ``inner`` calls each, the order alternating; ``warmup`` rounds aside."""
    pairs = Pairs([], [])
    for index in range(-warmup, rounds):
        sides = [(ours, pairs.ours), (baseline, pairs.baseline)]
        for call, seconds in sides if index % 2 else reversed(sides):
            taken = _seconds(call, inner)
            if index >= 0:
                seconds.append(taken)
    return pairs


def row(name: str, pairs: Pairs, bound: float, better: str) -> dict[str, Any]:
    """One measurement as a table row: the ratio of the first call to the second.

    ``better`` is ``lower`` (median ratio at most ``bound``) or ``higher`` (at least).
    """
    if better not in ("lower", "higher"):
        raise ValueError(f"better={better} must be lower or higher")
    ratio = pairs.median_ratio
    low, high = pairs.interval
    return {
        "name": name,
        "median_ratio": ratio,
        "low": low,
        "high": high,
        "bound": bound,
        "holds": ratio <= bound if better == "lower" else ratio >= bound,
        "rounds": len(pairs.ours),
        "first_ms": 1000 * statistics.median(pairs.ours),
        "second_ms": 1000 * statistics.median(pairs.baseline),
    }


def _seconds(call: Callable[[], object], inner: int) -> float:
    start = time.perf_counter()
    for _ in range(inner):
        call()
    return (time.perf_counter() - start) / inner


def _lower_rank(count: int, miss: float = 0.05) -> int:
    """How many of ``count`` sorted values may be cut off at each end; 0 where they are too few to cut any."""
    rank, tail = 0, 0.0
    while True:
        tail += math.comb(count, rank) / 2**count
        if 2 * tail > miss:
            return max(rank - 1, 0) if rank else 0
        rank += 1
