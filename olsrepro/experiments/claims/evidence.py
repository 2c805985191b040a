"""Cells that claims are judged by, ours or the paper's, and the result of one claim."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from olsrepro.experiments.experiment import CellKey, Claim, Experiment, Line
from olsrepro.experiments.statistics import ALPHA, Estimate, Sample, contrast, own_spread_contrast, pooled
from olsrepro.experiments.table import Comparison, Interval, Pool

HOLDS, FAILS, UNDECIDED = "holds", "fails", "undecided"
LEAST_DF_FOR_TWO = 8  # two runs are enough only with a pool that their neighbours share (docs/claims.md, section 3)
QUARTER = 0.25

Weights = Mapping[CellKey, float]
"""A contrast: the factor of each cell's mean."""


@dataclass(frozen=True)
class RunEnd:
    """End of one run: its last training error in percent, None if its loss became non-finite; number of classes."""

    train_err: float | None
    classes: int


@dataclass(frozen=True)
class Evidence:
    """Cells that an experiment's claims are judged by.

    Attributes:
        experiment: the one that makes the claims.
        samples: by cell; only cells that have a number.
        printed: the paper's, whose gain decides *gain excluded*; empty when the paper's own cells are judged.
        values: one number for each seed, for claims of bit-for-bit equality.
        ends: one for each seed, for claims of divergence.
    """

    experiment: Experiment
    samples: Mapping[CellKey, Sample]
    printed: Mapping[CellKey, Sample] = field(default_factory=dict)
    values: Mapping[CellKey, Mapping[int, float]] = field(default_factory=dict)
    ends: Mapping[CellKey, Sequence[RunEnd]] = field(default_factory=dict)

    @cached_property
    def pools(self) -> Mapping[tuple[str, ...], Pool]:
        """Variances shared by the cells of two runs or more, by pool, in the order of the cells."""
        members: dict[tuple[str, ...], list[Sample]] = {}
        for cell in self.experiment.cells():
            if cell in self.samples:
                members.setdefault(self.experiment.pool_of(cell), []).append(self.samples[cell])
        found = {key: pooled(samples, ", ".join(filter(None, key))) for key, samples in members.items()}
        return {key: pool for key, pool in found.items() if pool is not None}

    def missing(self, cells: Iterable[CellKey]) -> int:
        """Count the cells that have no number."""
        return sum(cell not in self.samples for cell in cells)

    def value(self, weights: Weights) -> float:
        """Compute the contrast of means; no cell may be missing."""
        return mean_of(self.samples, weights)

    def pooled(self, weights: Weights) -> Estimate | None:
        """Estimate the contrast with pooled variances; None where a cell is missing or has fewer than two runs."""
        if not all(cell in self.samples and self.samples[cell].spread for cell in weights):
            return None
        return contrast((weight, self.samples[cell], self._pool(cell)) for cell, weight in weights.items())

    def own(self, weights: Weights) -> Estimate | None:
        """Estimate the contrast with each cell's own variance (Welch), for the veto."""
        if self.missing(weights):
            return None
        return own_spread_contrast((weight, self.samples[cell]) for cell, weight in weights.items())

    def single_run_error(self, weights: Weights) -> float:
        """Compute the standard error that the contrast would have with one run per cell."""
        return math.hypot(*(weight * self._pool(cell).sd for cell, weight in weights.items()))

    def too_few(self, weights: Weights) -> str:
        """Say why the contrast allows no verdict: ``n = 1``, or two runs without a pool of 8 degrees of freedom."""
        estimate = self.pooled(weights)
        if estimate is None:
            return "n = 1"
        fewest = min(self.samples[cell].n for cell in weights)
        return f"n = 2, df {estimate.df:.3g}" if fewest == 2 and estimate.df < LEAST_DF_FOR_TWO else ""

    def _pool(self, cell: CellKey) -> Pool:
        return self.pools[self.experiment.pool_of(cell)]


@dataclass(frozen=True)
class ClaimResult:
    """Result of one claim on one set of cells, before presets, selection rules and margins.

    Attributes:
        verdict: ``holds``, ``fails``, ``undecided``, or empty for none.
        reason: why, in a few words; may be empty.
        favours: positive where the means favour the claim, negative where they don't; None without means to compare.
        weights: the contrast that is its mean gain; empty if it has none.
        comparisons: the pairs.
    """

    verdict: str = ""
    reason: str = ""
    favours: float | None = None
    weights: Weights = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()


def printed_samples(experiment: Experiment) -> dict[CellKey, Sample]:
    """Return the paper's cells (without the average row) as samples; one without an sd is a single run."""
    known = set(experiment.cells())
    return {
        cell: Sample(
            number.mean, number.sd, (number.n or experiment.paper_n_inferred or 1) if number.sd is not None else 1
        )
        for cell, number in experiment.paper.items()
        if cell in known
    }


def mean_of(samples: Mapping[CellKey, Sample], weights: Weights) -> float:
    """Compute the contrast of the samples' means."""
    return math.fsum(weight * samples[cell].mean for cell, weight in weights.items())


def mean_weights(contrasts: Sequence[Weights]) -> dict[CellKey, float]:
    """Average several contrasts into one."""
    total: dict[CellKey, float] = {}
    for weights in contrasts:
        for cell, weight in weights.items():
            total[cell] = total.get(cell, 0.0) + weight / len(contrasts)
    return total


def places(experiment: Experiment, claim: Claim) -> tuple[str, ...]:
    """List where a claim must hold: the keys of ``over``, or all of that axis that the paper did not quote."""
    return claim.over or tuple(key for key, line in other_axis(experiment, claim).items() if not line.quoted)


def other_axis(experiment: Experiment, claim: Claim) -> Mapping[str, Line]:
    """Return the lines that a claim's places are among."""
    return experiment.columns if claim.axis == "row" else experiment.rows


def settle(gain: Interval, p: float | None, p_own: float | None, margin: float | None = None) -> tuple[str, str]:
    """Return verdict and reason on a gain (docs/claims.md, section 3).

    Args:
        gain: positive in favour of the claim, with its pooled interval.
        p: two-sided with the pooled variance, adjusted.
        p_own: two-sided with the cells' own variances; at .05 or more it vetoes ``holds``.
        margin: the paper's gain; ours is excluded where its upper limit lies below a quarter of it.
    """
    significant = p is not None and p < ALPHA
    vetoed = p_own is None or p_own >= ALPHA
    if significant and gain.difference > 0 and not vetoed:
        return HOLDS, ""
    if significant and gain.difference < 0:
        return FAILS, ""
    if margin is not None and margin > 0 and gain.high is not None and gain.high < QUARTER * margin:
        return FAILS, "gain excluded"
    return UNDECIDED, "vetoed" if significant and gain.difference > 0 else ""


def combine(verdicts: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Combine verdicts, each with its reason (B1.5): holds if all hold, fails if any fails, with ``k of m``."""
    words = [word for word, _ in verdicts]
    if len(verdicts) == 1:
        return verdicts[0]
    reason = f"{words.count(HOLDS)} of {len(words)}"
    if FAILS in words:
        return FAILS, reason
    return (HOLDS if all(word == HOLDS for word in words) else UNDECIDED), reason


def incomplete(evidence: Evidence, cells: Iterable[CellKey]) -> ClaimResult | None:
    """Return the result of a claim that lacks cells, or None if all are there."""
    needed = set(cells)
    if not needed:
        return ClaimResult(reason="nothing to compare")
    missing = [cell for cell in needed if cell not in evidence.samples]
    if not missing:
        return None
    apart = all(evidence.experiment.deviation_of(cell) for cell in missing)
    return ClaimResult(reason=f"{len(missing)} of {len(needed)} cells {'not comparable' if apart else 'missing'}")
