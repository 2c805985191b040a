"""Verdicts on all claims of an experiment (evaluations_claims.md part B)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from olsrepro.experiments.claims.bounds import above, equivalent, not_above, slope
from olsrepro.experiments.claims.evidence import UNDECIDED, ClaimResult, Evidence, RunEnd, printed_samples
from olsrepro.experiments.claims.exact import diverges, same
from olsrepro.experiments.claims.pairs import adjusted, average, better, family_sizes, ranked
from olsrepro.experiments.experiment import CellKey, Claim, Experiment
from olsrepro.experiments.statistics import Estimate, Sample
from olsrepro.experiments.table import Interval, Pool, Verdict

NOTHING_FROM = "smoke"  # this preset proves the machinery; its numbers mean nothing

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
    """Verdicts in the order of the claims, the variances that were pooled, the size of each metric's Holm family."""

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
    """Judge every claim of an experiment on our cells, and on the paper's own beside them.

    Args:
        experiment: what is claimed.
        samples: ours by cell; only cells that have a number.
        preset: of the runs behind them; ``custom`` if something that counts was overridden. Verdicts are given for
            the experiment's own preset, a trend for any other, nothing for ``smoke``.
        paper: the paper's cells; what the experiment has printed if None.
        other: ours under the other selection rule; a verdict that differs there is undecided.
        values: by cell and seed, for claims that cells are equal bit for bit.
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
    """What every claim comes to on one body of evidence, by its id."""
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
    if preset == NOTHING_FROM:
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
    """Which way the means lean; no verdict on anything."""
    silent = tuple(replace(item, verdict="", reason="") for item in found.comparisons)
    if found.favours is None:
        return replace(verdict, reason=found.reason, comparisons=silent)
    word = "for" if found.favours > 0 else "against" if found.favours < 0 else ""
    return replace(verdict, reason=f"preset {preset}", trend=word, comparisons=silent)


def _selected(found: ClaimResult, again: ClaimResult) -> ClaimResult:
    """A verdict that another choice of epochs changes is none (B1.7)."""
    if found.verdict and again.verdict and found.verdict != again.verdict:
        return replace(found, verdict=UNDECIDED, reason="selection")
    return found


def paper_words(claim: Claim, theirs: Evidence, own: ClaimResult) -> str:
    """What the paper's own numbers get, as in ``undecided, 2 of 5``; empty where it printed none."""
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
    """The word on our mean gain beside the paper's (B1.6); empty where either is unknown.

    The paper's gain is the stated one, else that of its printed means. Its error is that of its printed spreads; of one
    run in each cell by our spreads, where it printed none.

    Args:
        ours, theirs: the cells.
        weights, own: the contrasts that are our gain and the paper's.
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
    """``smaller`` or ``larger`` if 0 lies outside of the interval of gain - margin, else ``reproduced``.

    An interval that holds 0 and whose half is wider than the margin itself is ``too wide to tell``.
    """
    word = excess.interval.word
    if word != "agrees":
        return {"higher": "larger", "lower": "smaller"}.get(word, "")
    return "too wide to tell" if excess.half_width > abs(margin) else "reproduced"
