"""Claims of better and worse: ``better``, ``best``, ``most`` and ``average`` (docs/claims.md, section 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from olsrepro.experiments.claims.evidence import (
    FAILS,
    HOLDS,
    UNDECIDED,
    ClaimResult,
    Evidence,
    Weights,
    combine,
    incomplete,
    mean_of,
    mean_weights,
    places,
    settle,
)
from olsrepro.experiments.experiment import CellKey, Claim, Experiment
from olsrepro.experiments.statistics import ALPHA, holm
from olsrepro.experiments.table import Comparison, Interval
from olsrepro.settings import UserError

CellPair = tuple[CellKey, CellKey]
"""(Cell that should be better, cell that should be worse)."""


@dataclass(frozen=True)
class Pair:
    """A cell that should be better, one that should be worse, and the sign that makes worse - better a gain."""

    better: CellKey
    worse: CellKey
    sign: float = 1.0

    @property
    def weights(self) -> dict[CellKey, float]:
        """Contrast that is the pair's gain."""
        return {self.worse: self.sign, self.better: -self.sign}


def gain_sign(experiment: Experiment, claim: Claim, cell: CellKey) -> float:
    """Return 1 if less of the cell's metric favours the claim, else -1; where neither is better, less favours it."""
    return -1.0 if (experiment.metric_of(cell).better == "higher") != claim.reverse else 1.0


def pairs_by_place(experiment: Experiment, claim: Claim) -> list[list[Pair]]:
    """List the pairs of ``better`` and each of ``than`` for each place of a claim."""
    found = []
    for place in places(experiment, claim):
        better = claim.cell(claim.better, place)
        sign = gain_sign(experiment, claim, better)
        found.append([Pair(better, claim.cell(than, place), sign) for than in claim.than])
    return found


def pairs_of(experiment: Experiment, claim: Claim) -> list[Pair]:
    """List all pairs of a claim, place by place."""
    return [pair for pairs in pairs_by_place(experiment, claim) for pair in pairs]


def cells_of(pairs: Sequence[Pair]) -> list[CellKey]:
    """List the cells of pairs, in order."""
    return [cell for pair in pairs for cell in (pair.better, pair.worse)]


def family_sizes(experiment: Experiment) -> dict[str, int]:
    """Count the comparisons of each metric's Holm family; missing cells count, so no verdict depends on them."""
    members = (pair.better for claim in _family(experiment) for pair in pairs_of(experiment, claim))
    return dict(Counter(experiment.metric_of(cell).name for cell in members))


def _family(experiment: Experiment) -> list[Claim]:
    return [claim for claim in experiment.claims if claim.family and claim.kind == "better"]


def compare(evidence: Evidence, pair: Pair) -> Comparison:
    """Compute gain, interval and unadjusted p of a pair of cells that both have a number."""
    estimate, own = evidence.pooled(pair.weights), evidence.own(pair.weights)
    return Comparison(
        better=pair.better,
        worse=pair.worse,
        gain=estimate.interval if estimate else Interval(evidence.value(pair.weights)),
        p_pooled=estimate.p if estimate else None,
        p_welch=own.p if own else None,
        paper_gain=printed_gain(evidence, pair.weights),
    )


def printed_gain(evidence: Evidence, weights: Weights) -> float | None:
    """Compute a contrast of the paper's printed means; None where one is not printed."""
    if all(cell in evidence.printed for cell in weights):
        return mean_of(evidence.printed, weights)
    return None


def better(evidence: Evidence, claim: Claim, family: Mapping[CellPair, float]) -> ClaimResult:
    """Judge whether ``better`` beats each of ``than`` in every place.

    Args:
        evidence: our cells or the paper's.
        claim: of kind ``better``.
        family: adjusted p of all pairs of its Holm family (:func:`adjusted`).
    """
    pairs = pairs_of(evidence.experiment, claim)

    def judged(pair: Pair) -> Comparison:
        found = replace(compare(evidence, pair), p_holm=family[pair.better, pair.worse])
        verdict, reason = settle(found.gain, found.p_holm, found.p_welch, found.paper_gain)
        return _unless_too_few(evidence, pair, replace(found, verdict=verdict, reason=reason))

    comparisons = {pair: judged(pair) for pair in pairs if not evidence.missing((pair.better, pair.worse))}
    if (lacking := incomplete(evidence, cells_of(pairs))) is not None:
        return replace(lacking, comparisons=tuple(comparisons.values()))
    outcome = combine([(item.verdict, item.reason) for item in comparisons.values()])
    return _concluded(evidence, comparisons.values(), [pair.weights for pair in pairs], outcome)


def adjusted(evidence: Evidence) -> dict[str, dict[CellPair, float]]:
    """Compute Holm's p of every pair, by claim: over a metric's whole family, else over the claim's own pairs.

    A pair without a p counts as one of p = 1, so that a family has its full size while cells are missing.
    """
    groups: dict[tuple[str, str], list[tuple[str, Pair]]] = {}
    for claim in evidence.experiment.claims:
        for pair in pairs_of(evidence.experiment, claim) if claim.kind == "better" else ():
            metric = evidence.experiment.metric_of(pair.better).name
            groups.setdefault(("" if claim.family else claim.id, metric), []).append((claim.id, pair))
    found: dict[str, dict[CellPair, float]] = {}
    for members in groups.values():
        for (name, pair), p in zip(members, holm([_p(evidence, pair) for _, pair in members]), strict=True):
            found.setdefault(name, {})[pair.better, pair.worse] = p
    return found


def _p(evidence: Evidence, pair: Pair) -> float:
    estimate = evidence.pooled(pair.weights)
    return estimate.p if estimate else 1.0


def ranked(evidence: Evidence, claim: Claim) -> ClaimResult:
    """Judge whether ``better`` beats all (``best``) or at least ``bound`` (``most``) of ``than``, in every place.

    Rivals are compared one by one. Beating u of m rivals has p = (m - u + 1) p_(u) (for all of them the largest p:
    intersection-union), adjusted by Holm over the places. The veto applies to each rival: u rivals must pass it.

    Raises:
        UserError: ``bound`` asks for no rival, or for more than there are.
    """
    by_place = pairs_by_place(evidence.experiment, claim)
    pairs = [pair for group in by_place for pair in group]
    if (lacking := incomplete(evidence, cells_of(pairs))) is not None:
        return lacking
    wanted = _wanted(evidence.experiment, claim)
    found = {pair: compare(evidence, pair) for pair in pairs}
    losing = dict(zip(pairs, holm([_p_of(found[pair], -1) for pair in pairs]), strict=True))
    place_p = holm([_partial([_p_of(found[pair], 1) for pair in group], wanted) for group in by_place])
    verdicts, closest = [], []
    for group, p in zip(by_place, place_p, strict=True):
        for pair in group:
            found[pair] = _rival(evidence, pair, replace(found[pair], p_holm=p), losing[pair])
        verdicts.append((_place_verdict([found[pair].verdict for pair in group], wanted, p), ""))
        closest.append(_nth_gain(found, group, wanted))
    return _concluded(evidence, found.values(), [pair.weights for pair in closest], combine(verdicts))


def _wanted(experiment: Experiment, claim: Claim) -> int:
    """Return the number of rivals that must be beaten."""
    rivals = len(claim.than)
    if claim.kind == "most" and claim.bound not in range(1, rivals + 1):
        where = f"{experiment.name}: claim {claim.id}"
        raise UserError(f"{where} has bound={claim.bound:g}; with {rivals} rivals it must be 1 to {rivals}")
    return rivals if claim.kind == "best" else int(claim.bound)


def _p_of(comparison: Comparison, direction: int) -> float:
    """Return the p of a gain in one direction; 1 for a gain in the other, or without a p."""
    right = comparison.gain.difference * direction > 0
    return comparison.p_pooled if right and comparison.p_pooled is not None else 1.0


def _partial(p: Sequence[float], wanted: int) -> float:
    return min(1.0, (len(p) - wanted + 1) * sorted(p)[wanted - 1])


def _rival(evidence: Evidence, pair: Pair, comparison: Comparison, p_losing: float) -> Comparison:
    """Judge one rival by itself: won by its unadjusted p, lost by Holm's over all of them."""
    p = p_losing if comparison.gain.difference < 0 else comparison.p_pooled
    verdict, reason = settle(comparison.gain, p, comparison.p_welch, comparison.paper_gain)
    return _unless_too_few(evidence, pair, replace(comparison, verdict=verdict, reason=reason))


def _place_verdict(verdicts: Sequence[str], wanted: int, p: float) -> str:
    if verdicts.count(FAILS) > len(verdicts) - wanted:
        return FAILS
    return HOLDS if verdicts.count(HOLDS) >= wanted and p < ALPHA else UNDECIDED


def _nth_gain(found: Mapping[Pair, Comparison], group: Sequence[Pair], wanted: int) -> Pair:
    """Return the pair that decides the claim: for ``best`` that with the runner-up."""
    return sorted(group, key=lambda pair: -found[pair].gain.difference)[wanted - 1]


def average(evidence: Evidence, claim: Claim) -> ClaimResult:
    """Judge whether the mean gain of ``better`` over ``than`` is positive."""
    pairs = pairs_of(evidence.experiment, claim)
    if (lacking := incomplete(evidence, cells_of(pairs))) is not None:
        return lacking
    weights = mean_weights([pair.weights for pair in pairs])
    estimate, own = evidence.pooled(weights), evidence.own(weights)
    comparisons = tuple(compare(evidence, pair) for pair in pairs)
    value = evidence.value(weights)
    few = evidence.too_few(weights)
    if estimate is None or few:
        return ClaimResult("", few, value, weights, comparisons)
    margin = claim.stated if claim.stated is not None else printed_gain(evidence, weights)
    verdict, reason = settle(estimate.interval, estimate.p, own.p if own else None, margin)
    return ClaimResult(verdict, reason, value, weights, comparisons)


def _unless_too_few(evidence: Evidence, pair: Pair, comparison: Comparison) -> Comparison:
    few = evidence.too_few(pair.weights)
    return replace(comparison, verdict="", reason=few) if few else comparison


def _concluded(
    evidence: Evidence, comparisons: Iterable[Comparison], gains: Sequence[Weights], outcome: tuple[str, str]
) -> ClaimResult:
    """Return the result of several comparisons; it has no verdict if any of them has none."""
    known, weights = tuple(comparisons), mean_weights(gains)
    silent = next((item.reason for item in known if not item.verdict), "")
    verdict, reason = ("", silent) if silent else outcome
    return ClaimResult(verdict, reason, evidence.value(weights), weights, known)
