"""Claims that need no test: ``diverges``, from how runs ended, and ``same``, from values that must be equal."""

from __future__ import annotations

from collections.abc import Sequence

from olsrepro.experiments.claims.evidence import FAILS, HOLDS, UNDECIDED, ClaimResult, Evidence, RunEnd, combine, places
from olsrepro.experiments.experiment import CellKey, Claim

MOST = 2 / 3  # "in two of three seeds" (docs/claims.md, section 4), for any number of them


def diverges(evidence: Evidence, claim: Claim) -> ClaimResult:
    """Judge whether ``better`` diverges: at least two thirds of its runs fail or end above ``bound`` % of chance.

    Holds with two thirds or more, fails with one third or fewer, in every place; a single run gets no verdict.
    """
    cells = [claim.cell(claim.better, place) for place in places(evidence.experiment, claim)]
    ended = [evidence.ends.get(cell, ()) for cell in cells]
    if missing := sum(not ends for ends in ended):
        return ClaimResult(reason=f"{missing} of {len(cells)} cells missing")
    shares = [sum(diverged(item, claim.bound) for item in ends) / len(ends) for ends in ended]
    favours = min(shares) - 0.5
    if min(map(len, ended)) < 2:
        return ClaimResult("", "n = 1", favours)
    return ClaimResult(*combine([_by_share(*item) for item in zip(shares, ended, strict=True)]), favours)


def diverged(end: RunEnd, percent: float) -> bool:
    """Return whether a run failed, or ended above a percentage of the error of guessing, 100 (1 - 1 / classes) %."""
    chance = 100 * (1 - 1 / end.classes)
    return end.train_err is None or end.train_err > percent / 100 * chance


def _by_share(share: float, ends: Sequence[RunEnd]) -> tuple[str, str]:
    reason = f"{round(share * len(ends))} of {len(ends)} seeds"
    if share >= MOST:
        return HOLDS, reason
    return (FAILS if share <= 1 - MOST else UNDECIDED), reason


def same(evidence: Evidence, claim: Claim) -> ClaimResult:
    """Judge equality: with ``than``, of each seed's values bit for bit; without, of our means and the printed ones."""
    return _same_as_cells(evidence, claim) if claim.than else _same_as_printed(evidence, claim)


def _same_as_cells(evidence: Evidence, claim: Claim) -> ClaimResult:
    keys = places(evidence.experiment, claim)
    pairs = [(claim.cell(claim.better, key), claim.cell(than, key)) for key in keys for than in claim.than]
    shared = [_shared(evidence, *pair) for pair in pairs]
    if missing := sum(not values for values in shared):
        return ClaimResult(reason=f"{missing} of {len(pairs)} pairs have no seed in common")
    return _equal([first == second for values in shared for first, second in values], "seeds")


def _shared(evidence: Evidence, first: CellKey, second: CellKey) -> list[tuple[float, float]]:
    one, two = evidence.values.get(first, {}), evidence.values.get(second, {})
    return [(one[seed], two[seed]) for seed in sorted(one.keys() & two.keys())]


def _same_as_printed(evidence: Evidence, claim: Claim) -> ClaimResult:
    """Compare every cell of the claim that the paper prints; equal means within half of the last digit."""
    experiment = evidence.experiment
    lines = experiment.rows if claim.axis == "row" else experiment.columns
    keys = [claim.better] if claim.better else list(lines)
    cells = [claim.cell(key, place) for key in keys for place in places(experiment, claim)]
    printed = [cell for cell in cells if cell in evidence.printed]
    if not printed:
        return ClaimResult(reason="nothing printed")
    if missing := evidence.missing(printed):
        return ClaimResult(reason=f"{missing} of {len(printed)} cells missing")
    return _equal([_as_printed(evidence, cell) for cell in printed], "cells")


def _as_printed(evidence: Evidence, cell: CellKey) -> bool:
    decimals = evidence.experiment.metric_of(cell).decimals
    distance = abs(evidence.samples[cell].mean - evidence.printed[cell].mean)
    return distance < 0.5 * 10.0**-decimals


def _equal(equal: Sequence[bool], what: str) -> ClaimResult:
    favours = 1.0 if all(equal) else -1.0
    return ClaimResult(HOLDS if all(equal) else FAILS, f"{sum(equal)} of {len(equal)} {what}", favours)
