"""Verdicts on all claims of an experiment (docs/claims.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from olsrepro.experiments.claims.bounds import above, equivalent, not_above, slope
from olsrepro.experiments.claims.evidence import UNDECIDED, ClaimResult, Evidence, RunEnd, printed_samples
from olsrepro.experiments.claims.exact import diverges, same
from olsrepro.experiments.claims.pairs import adjusted, average, better, family_sizes, ranked
from olsrepro.experiments.experiment import CellKey, Claim, Experiment
from olsrepro.experiments.request import SMOKE
from olsrepro.experiments.statistics import Estimate, Sample
from olsrepro.experiments.table import Interval, Pool, Verdict

APART = {
    "best": ranked,
    "most": ranked,
    "average": average,
    "slope": slope,
    "equivalent": equivalent,
    "above": above,
    "not_above": not_above,
    "diverges": diverges,
    "same": same,
}


@dataclass(frozen=True)
class Judgement:
    """Verdicts in the order of the claims, pooled variances, and the size of each metric's Holm family."""

    verdicts: tuple[Verdict, ...]
    pools: tuple[Pool, ...]
    families: Mapping[str, int]


def judge(
    experiment: Experiment,
    samples: Mapping[CellKey, Sample],
    *,
    preset: str,
    paper: Mapping[CellKey, Sample] | None = None,
    other: Mapping[CellKey, Sample] | None = None,
    values: Mapping[CellKey, Mapping[int, float]] | None = None,
    ends: Mapping[CellKey, Sequence[RunEnd]] | None = None,
) -> Judgement:
    """Judge every claim of an experiment on our cells, and on the paper's own for comparison.

    Args:
        experiment: the one that makes the claims.
        samples: ours by cell; only cells that have a number.
        preset: of the runs behind them; ``custom`` if an override changed what is trained or measured. Verdicts are
            given for the experiment's own preset, a trend for any other, nothing for ``smoke``.
        paper: the paper's cells; None: the experiment's printed numbers.
        other: ours under the other selection rule; a verdict that differs there is undecided.
        values: by cell and seed, for claims that cells are bit-for-bit equal.
        ends: how the runs of a cell ended, for claims that they diverge or don't.

    Raises:
        UserError: a claim can't be judged as written: a slope over lines without x, more rivals than it names.
    """
    printed = printed_samples(experiment) if paper is None else paper
    ours = Evidence(experiment, samples, printed, values or {}, ends or {})
    theirs = Evidence(experiment, printed)
    found, own = findings(ours), findings(theirs)
    again = findings(replace(ours, samples=other)) if other else found
    verdicts = (
        _presented(claim, preset, ours, theirs, found[claim.id], own[claim.id], again[claim.id])
        for claim in experiment.claims
    )
    return Judgement(tuple(verdicts), tuple(ours.pools.values()), family_sizes(experiment))


def findings(evidence: Evidence) -> dict[str, ClaimResult]:
    """Return the result of every claim on one set of cells, by the claim's id."""
    family = adjusted(evidence)
    return {
        claim.id: better(evidence, claim, family.get(claim.id, {}))
        if claim.kind == "better"
        else APART[claim.kind](evidence, claim)
        for claim in evidence.experiment.claims
    }


def _presented(
    claim: Claim,
    preset: str,
    ours: Evidence,
    theirs: Evidence,
    found: ClaimResult,
    own: ClaimResult,
    again: ClaimResult,
) -> Verdict:
    verdict = Verdict(claim.id, claim.says, paper=paper_words(claim, theirs, own))
    if preset == SMOKE:
        return replace(verdict, reason=f"preset {preset}")
    verdict = replace(verdict, gain=_gain(ours, found), comparisons=found.comparisons)
    if preset != ours.experiment.preset:
        return _trend(verdict, found, preset)
    chosen = _selected(found, again)
    margin = margin_word(ours, theirs, found.weights, own.weights, claim.stated) if found.verdict else ""
    return replace(verdict, verdict=chosen.verdict, reason=chosen.reason, margin=margin)


def _gain(evidence: Evidence, found: ClaimResult) -> Interval | None:
    if not found.weights:
        return None
    estimate = evidence.pooled(found.weights)
    return estimate.interval if estimate else Interval(evidence.value(found.weights))


def _trend(verdict: Verdict, found: ClaimResult, preset: str) -> Verdict:
    """Report the direction that the means favour, without any verdict."""
    silent = tuple(replace(item, verdict="", reason="") for item in found.comparisons)
    if found.favours is None:
        return replace(verdict, reason=found.reason, comparisons=silent)
    word = "for" if found.favours > 0 else "against" if found.favours < 0 else ""
    return replace(verdict, reason=f"preset {preset}", trend=word, comparisons=silent)


def _selected(found: ClaimResult, again: ClaimResult) -> ClaimResult:
    """Replace a verdict that the other selection rule contradicts by ``undecided`` (B1.7)."""
    if found.verdict and again.verdict and found.verdict != again.verdict:
        return replace(found, verdict=UNDECIDED, reason="selection")
    return found


def paper_words(claim: Claim, theirs: Evidence, own: ClaimResult) -> str:
    """Return the verdict on the paper's own numbers, as in ``undecided, 2 of 5``; empty where it printed none."""
    if own.favours is None or claim.kind == "same":
        return ""
    words = [own.verdict, own.reason]
    if own.verdict and claim.stated is not None and (estimate := theirs.pooled(own.weights)) is not None:
        words.append(f"margin {size_word(estimate.minus(claim.stated), claim.stated)}")
    return ", ".join(filter(None, words))


def margin_word(
    ours: Evidence,
    theirs: Evidence,
    weights: Mapping[CellKey, float],
    own: Mapping[CellKey, float],
    stated: float | None,
) -> str:
    """Compare our mean gain with the paper's in a word (B1.6); empty where either is unknown.

    The paper's gain is the stated one, else that of its printed means. Its error comes from its printed spreads, or,
    where it printed none, from our spreads for one run in each cell.

    Args:
        ours, theirs: the cells.
        weights, own: the contrasts that give our gain and the paper's.
        stated: the gain that the paper states.
    """
    gain = ours.pooled(weights) if weights else None
    if gain is None or not own or theirs.missing(own):
        return ""
    margin = theirs.value(own) if stated is None else stated
    spread = theirs.pooled(own)
    if spread is None:
        error = (gain.error**2 + ours.single_run_error(weights) ** 2) ** 0.5
        return size_word(Estimate(gain.value - margin, error, gain.df), margin)
    return size_word(gain - replace(spread, value=margin), margin)


def size_word(excess: Estimate, margin: float) -> str:
    """Return ``smaller`` or ``larger`` if 0 lies outside the interval of gain - margin, else ``reproduced``.

    If the interval contains 0 and half of it is wider than the margin itself, the word is ``too wide to tell``.
    """
    word = excess.interval.word
    if word != "agrees":
        return {"higher": "larger", "lower": "smaller"}.get(word, "")
    return "too wide to tell" if excess.half_width > abs(margin) else "reproduced"
