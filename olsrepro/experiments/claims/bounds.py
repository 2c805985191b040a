"""Claims about a size: ``slope``, ``above``, ``not_above`` and ``equivalent`` (docs/claims.md, section 4)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from olsrepro.experiments.claims.evidence import (
    FAILS,
    HOLDS,
    UNDECIDED,
    ClaimResult,
    Evidence,
    combine,
    incomplete,
    other_axis,
    places,
    settle,
)
from olsrepro.experiments.claims.pairs import Pair, cells_of, compare
from olsrepro.experiments.experiment import Claim
from olsrepro.experiments.statistics import ALPHA, Estimate, equivalence_p, holm, slope_weights
from olsrepro.experiments.table import Comparison
from olsrepro.settings import UserError

Tail = Callable[[Estimate], float]


def slope(evidence: Evidence, claim: Claim) -> ClaimResult:
    """Judge whether the metric rises (``bound`` > 0) or falls with the places' x, by the pooled slope of the means.

    Raises:
        UserError: a place has no x, or an x that has no logarithm.
    """
    cells = [claim.cell(claim.better, place) for place in places(evidence.experiment, claim)]
    if (lacking := incomplete(evidence, cells)) is not None:
        return lacking
    sign = math.copysign(1.0, claim.bound)
    steepness = slope_weights(_x(evidence, claim))
    weights = {cell: sign * weight for cell, weight in zip(cells, steepness, strict=True)}
    value, few = evidence.value(weights), evidence.too_few(weights)
    estimate, own = evidence.pooled(weights), evidence.own(weights)
    if few or estimate is None:
        return ClaimResult("", few, value, weights)
    verdict, reason = settle(estimate.interval, estimate.p, own.p if own else None)
    return ClaimResult(verdict, reason, value, weights)


def _x(evidence: Evidence, claim: Claim) -> list[float]:
    lines = other_axis(evidence.experiment, claim)
    found = []
    for place in places(evidence.experiment, claim):
        x = lines[place].x
        if x is None or (claim.log2 and x <= 0):
            kind = "positive x (the slope is taken over its logarithm)" if claim.log2 else "x"
            raise UserError(f"{evidence.experiment.name}: claim {claim.id} needs {place} to have a {kind}; it has {x}")
        found.append(math.log2(x) if claim.log2 else x)
    return found


def above(evidence: Evidence, claim: Claim) -> ClaimResult:
    """Judge whether ``better`` has a mean above ``bound`` in every place: two-sided tests, Holm over the places."""
    cells = [claim.cell(claim.better, place) for place in places(evidence.experiment, claim)]
    if (lacking := incomplete(evidence, cells)) is not None:
        return lacking
    favours = sum(evidence.value({cell: 1.0}) for cell in cells) / len(cells) - claim.bound
    few = next((reason for cell in cells if (reason := evidence.too_few({cell: 1.0}))), "")
    if few:
        return ClaimResult("", few, favours)
    tests = [[item.minus(claim.bound) for item in _both(evidence, {cell: 1.0})] for cell in cells]
    p = holm([joint.p for joint, _ in tests])
    verdicts = [settle(joint.interval, q, own.p) for (joint, own), q in zip(tests, p, strict=True)]
    return ClaimResult(*combine(verdicts), favours)


def not_above(evidence: Evidence, claim: Claim) -> ClaimResult:
    """Judge by one-sided tests that ``better`` exceeds no ``than`` by ``bound`` or more; a failed run of it fails."""
    cells = [claim.cell(claim.better, place) for place in places(evidence.experiment, claim)]
    if any(end.train_err is None for cell in cells for end in evidence.ends.get(cell, ())):
        return ClaimResult(FAILS, "non-finite loss", -1.0)
    return _bounded(
        evidence,
        claim,
        inside=lambda gain: gain.p_above(-claim.bound),
        outside=lambda gain: min(1.0, 2 * gain.p_below(-claim.bound)),
        room=lambda gain: claim.bound + gain,
    )


def equivalent(evidence: Evidence, claim: Claim) -> ClaimResult:
    """Judge whether ``better`` lies within ``bound`` of each of ``than``, by two one-sided tests each."""
    return _bounded(
        evidence,
        claim,
        inside=lambda gain: equivalence_p(gain, claim.bound),
        outside=lambda gain: min(1.0, 2 * min(gain.p_above(claim.bound), gain.p_below(-claim.bound))),
        room=lambda gain: claim.bound - abs(gain),
    )


def _bounded(
    evidence: Evidence, claim: Claim, inside: Tail, outside: Tail, room: Callable[[float], float]
) -> ClaimResult:
    """Judge all pairs against a bound: ``holds`` needs every p inside (none is adjusted), ``fails`` Holm's p outside.

    Args:
        evidence, claim: what is judged.
        inside, outside: from a gain (than - better) to a p that is small if it lies inside or outside the bound.
        room: distance from a gain to the bound; negative outside.
    """
    keys = places(evidence.experiment, claim)
    pairs = [Pair(claim.cell(claim.better, key), claim.cell(than, key)) for key in keys for than in claim.than]
    if (lacking := incomplete(evidence, cells_of(pairs))) is not None:
        return lacking
    comparisons = [compare(evidence, pair) for pair in pairs]
    favours = min(room(item.gain.difference) for item in comparisons)
    few = next((reason for pair in pairs if (reason := evidence.too_few(pair.weights))), "")
    if few:
        return ClaimResult("", few, favours, comparisons=tuple(comparisons))
    tests = [_both(evidence, pair.weights) for pair in pairs]
    lost = holm([outside(joint) for joint, _ in tests])
    judged = [
        _within(comparison, inside(joint), inside(own), p)
        for comparison, (joint, own), p in zip(comparisons, tests, lost, strict=True)
    ]
    verdict, reason = combine([(item.verdict, item.reason) for item in judged])
    return ClaimResult(verdict, reason, favours, comparisons=tuple(judged))


def _within(comparison: Comparison, p: float, p_own: float, p_lost: float) -> Comparison:
    if p_lost < ALPHA:
        return replace(comparison, verdict=FAILS)
    if p >= ALPHA:
        return replace(comparison, verdict=UNDECIDED)
    vetoed = p_own >= ALPHA
    return replace(comparison, verdict=UNDECIDED if vetoed else HOLDS, reason="vetoed" if vetoed else "")


def _both(evidence: Evidence, weights: dict[tuple[str, str], float]) -> tuple[Estimate, Estimate]:
    """Return the contrast with pooled and with own variances; its cells must have two runs or more."""
    joint, own = evidence.pooled(weights), evidence.own(weights)
    assert joint is not None
    assert own is not None
    return joint, own
