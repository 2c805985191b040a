"""Means, spreads and tests of a few runs per cell (docs/claims.md, sections 1 and 2), from scipy.special alone.

``scipy.stats`` takes over a second to import, ``scipy.special`` a tenth of that, and neither before a quantile is
needed. Every comparison is a contrast: a weighted sum of cell means with a standard error and its degrees of freedom.
A difference, a mean of differences and a slope differ in their weights; pooling and Welch in the spread of each cell.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from olsrepro.experiments.table import Interval, Pool

LEVEL = 0.95
ALPHA = 0.05
LOWEST_SD = 0.005  # what a printed .00 may have been; a logarithm of 0 would decide Bartlett's test alone


@dataclass(frozen=True)
class Sample:
    """A cell's mean, sample sd (by n - 1; None where there is none) and number of runs."""

    mean: float
    sd: float | None = None
    n: int = 1

    @classmethod
    def of(cls, values: Iterable[float]) -> Sample:
        """Summarise at least one value; sd is None for a single one."""
        known = list(values)
        return cls(fmean(known), stdev(known) if len(known) > 1 else None, len(known))

    @property
    def spread(self) -> Pool | None:
        """Own sd with n - 1 degrees of freedom; None for a single run or an unknown sd."""
        return None if self.sd is None or self.n < 2 else Pool("", self.sd, self.n - 1)


@dataclass(frozen=True)
class Estimate:
    """A contrast of means with its standard error and degrees of freedom (fractional by Welch and Satterthwaite)."""

    value: float
    error: float
    df: float

    @property
    def half_width(self) -> float:
        """Half the width of the two-sided 95 % interval."""
        return t_quantile(0.5 + LEVEL / 2, self.df) * self.error

    @property
    def interval(self) -> Interval:
        """Estimated value with its 95 % limits."""
        half = self.half_width
        return Interval(self.value, self.value - half, self.value + half)

    @property
    def p(self) -> float:
        """Two-sided p of the hypothesis that the true value is 0."""
        return min(1.0, 2 * self._tail(-abs(self.value)))

    def p_below(self, bound: float) -> float:
        """Return the one-sided p of a true value of ``bound`` or more; a small p means that it lies below."""
        return self._tail(self.value - bound)

    def p_above(self, bound: float) -> float:
        """Return the one-sided p of a true value of ``bound`` or less; a small p means that it lies above."""
        return self._tail(bound - self.value)

    def minus(self, constant: float) -> Estimate:
        """Subtract a constant from the value; error and degrees of freedom stay."""
        return Estimate(self.value - constant, self.error, self.df)

    def __sub__(self, other: Estimate) -> Estimate:
        """Subtract an independent estimate, with degrees of freedom by Satterthwaite."""
        own, its = self.error**2, other.error**2
        df = _satterthwaite([(own, self.df), (its, other.df)])
        return Estimate(self.value - other.value, math.sqrt(own + its), df)

    def _tail(self, distance: float) -> float:
        if self.error == 0.0:  # the limit of ever smaller spreads: certain, unless there is no distance
            return 0.5 if distance == 0.0 else float(distance > 0)
        from scipy.special import stdtr

        return float(stdtr(self.df, distance / self.error))


def t_quantile(probability: float, df: float) -> float:
    """Return the quantile of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(df, probability))


def pooled(samples: Iterable[Sample], name: str = "") -> Pool | None:
    """Pool the spreads of samples of two runs or more: s_p = sqrt(sum (n - 1) s^2 / df); None if there are none."""
    spreads = [spread for sample in samples if (spread := sample.spread) is not None]
    df = sum(spread.df for spread in spreads)
    return Pool(name, math.sqrt(sum(item.df * item.sd**2 for item in spreads) / df), df) if df else None


def contrast(terms: Iterable[tuple[float, Sample, Pool]]) -> Estimate:
    """Sum weighted means; cells of one pool share its variance, several pools are combined by Satterthwaite.

    Args:
        terms: (weight, cell, the pool whose spread the cell gets); equal pools are one pool.
    """
    known = list(terms)
    variances: dict[Pool, float] = {}
    for weight, sample, pool in known:
        variances[pool] = variances.get(pool, 0.0) + pool.sd**2 * weight**2 / sample.n
    value = math.fsum(weight * sample.mean for weight, sample, _ in known)
    df = _satterthwaite([(variance, pool.df) for pool, variance in variances.items()])
    return Estimate(value, math.sqrt(sum(variances.values())), df)


def _satterthwaite(parts: Sequence[tuple[float, float]]) -> float:
    """Compute the degrees of freedom of a sum of (variance, df)."""
    spread = [(variance, df) for variance, df in parts if variance > 0.0]
    if len(spread) < 2:
        return (spread or parts)[0][1]
    return math.fsum(variance for variance, _ in spread) ** 2 / math.fsum(part**2 / df for part, df in spread)


def own_spread_contrast(terms: Iterable[tuple[float, Sample]]) -> Estimate | None:
    """Estimate a contrast with each cell's own sd (Welch); None where a cell has none."""
    known = [(weight, sample, sample.spread) for weight, sample in terms]
    own = [
        (weight, sample, Pool(str(index), spread.sd, spread.df))
        for index, (weight, sample, spread) in enumerate(known)
        if spread is not None
    ]
    return contrast(own) if len(own) == len(known) else None


def pooled_difference(a: Sample, b: Sample, pool: Pool) -> Estimate:
    """Estimate a - b with a pooled spread: d +- t(.975, df) s_p sqrt(1/n_a + 1/n_b)."""
    return contrast([(1.0, a, pool), (-1.0, b, pool)])


def welch(a: Sample, b: Sample) -> Estimate | None:
    """Estimate a - b, each with its own spread; None where one has none."""
    return own_spread_contrast([(1.0, a), (-1.0, b)])


def slope_weights(x: Sequence[float]) -> list[float]:
    """Return the weights that make a contrast the least-squares slope: (x - mean x) / sum (x - mean x)^2.

    Raises:
        ValueError: all x are equal.
    """
    centre = fmean(x)
    square = math.fsum((value - centre) ** 2 for value in x)
    if square == 0.0:
        raise ValueError("a slope needs at least two different x")
    return [(value - centre) / square for value in x]


def equivalence_p(difference: Estimate, bound: float) -> float:
    """Return the larger p of two one-sided tests; small: the true difference lies inside (-bound, bound)."""
    return max(difference.p_below(bound), difference.p_above(-bound))


def holm(p: Sequence[float]) -> list[float]:
    """Adjust p by Holm: over the sorted p, the running maximum of min(1, (m - j + 1) p_(j)), in the order given."""
    adjusted, highest = [0.0] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        highest = max(highest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = highest
    return adjusted


def bartlett_p(samples: Iterable[Sample]) -> float | None:
    """Compute Bartlett's p of equal spreads, with sds raised to at least .005; None for fewer than two."""
    spreads = [spread for sample in samples if (spread := sample.spread) is not None]
    if len(spreads) < 2:
        return None
    from scipy.special import chdtrc

    parts = [(spread.df, max(spread.sd, LOWEST_SD) ** 2) for spread in spreads]
    total = sum(df for df, _ in parts)
    joint = sum(df * variance for df, variance in parts) / total
    statistic = total * math.log(joint) - sum(df * math.log(variance) for df, variance in parts)
    correction = 1 + (sum(1 / df for df, _ in parts) - 1 / total) / (3 * (len(parts) - 1))
    return float(chdtrc(len(parts) - 1, statistic / correction))


def ours_minus_paper(ours: Sample, paper: Sample) -> Interval:
    """Subtract the paper's mean from ours, with a 95 % interval where there is one.

    Welch's if both have two runs or more; a prediction interval t(.975, n - 1) s sqrt(1 + 1/n) from our spread if the
    paper's is one run; else none.
    """
    if (both := welch(ours, paper)) is not None:
        return both.interval
    if (spread := ours.spread) is None:
        return Interval(ours.mean - paper.mean)
    return pooled_difference(ours, Sample(paper.mean), spread).interval
