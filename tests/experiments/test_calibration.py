"""The rule on the paper's own numbers: what each family and each claim gets (docs/claims.md, section 6)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest

from olsrepro.experiments.claims.evidence import printed_samples
from olsrepro.experiments.claims.judge import Judgement, judge
from olsrepro.experiments.experiment import CellKey
from olsrepro.experiments.files import load
from olsrepro.experiments.statistics import ALPHA, Sample, bartlett_p, holm, pooled, pooled_difference
from olsrepro.experiments.table import Comparison, Verdict

FAMILIES = {
    "table2 top1_err": (17, 12, 11, 4, 9),
    "table6 top1_err": (48, 45, 43, 22, 38),
    "table6 top5_err": (48, 46, 44, 22, 38),
    "table7 top1_err": (10, 10, 9, 5, 9),
    "table11 top1_err": (6, 6, 6, 6, 6),
    "table11 ece": (6, 3, 3, 3, 3),
}
"""Comparisons; how many hold pooled, with the veto, by Welch alone, and with the veto if the sds are populations'."""

POOLS = {
    "table2": {"top1_err": (0.294, 110)},
    "table6": {
        "top1_err, CUB-200-2011": (0.224, 32),
        "top1_err, Flowers-102": (0.266, 32),
        "top1_err, Cars": (0.119, 32),
        "top1_err, Aircrafts": (0.234, 32),
        "top5_err, CUB-200-2011": (0.400, 32),
        "top5_err, Flowers-102": (0.141, 32),
        "top5_err, Cars": (0.071, 32),
        "top5_err, Aircrafts": (0.134, 32),
    },
    "table7": {
        f"top1_err, noise_{rate}": (sd, 22)
        for rate, sd in zip((0, 20, 40, 60, 80), (0.336, 0.507, 0.754, 1.086, 0.592), strict=True)
    },
    "table11": {"top1_err": (0.304, 18), "ece": (0.951, 18)},
}

OWN = {
    "table2": {
        "C2.1": "undecided, 2 of 5",
        "C2.2": "undecided, 3 of 5",
        "C2.3": "undecided, 2 of 5",
        "C2.4": "holds, 2 of 2",
        "C2.5": "undecided, 4 of 5",
        "C2.6": "holds, 2 of 2",
    },
    "table6": {
        "C6.1 top-1": "holds, 16 of 16",
        "C6.1 top-5": "undecided, 15 of 16",
        "C6.2 top-1": "undecided, 14 of 16",
        "C6.2 top-5": "holds, 16 of 16",
        "C6.3 top-1": "undecided, 13 of 16",
        "C6.3 top-5": "fails, 13 of 16",
        "C6.4": "holds, margin reproduced",
        "C6.5 top-1": "holds, margin smaller",
        "C6.5 top-5": "holds, margin reproduced",
    },
    "table7": {
        "C2.7": "holds",
        "C7.1": "undecided, 4 of 5",
        "C7.2": "holds, 5 of 5",
        "C7.3": "holds, 5 of 5",
        "C7.4": "undecided, 1 of 3",
    },
    "table11": {
        "C11.1 each depth": "holds, 3 of 3",
        "C11.1 average": "holds, margin reproduced",
        "C11.2": "undecided, 0 of 3",
        "C11.3": "holds, 3 of 3",
        "C11.4 (implied)": "holds, 3 of 3",
    },
    "ols_single": {"S1": "holds"},
}

Cells = Mapping[CellKey, Sample]


def own(name: str, samples: Cells | None = None) -> Judgement:
    """The paper's cells, or others, judged as if they were ours."""
    experiment = load(name)
    return judge(experiment, printed_samples(experiment) if samples is None else samples, preset="paper")


def as_population(samples: Cells) -> Cells:
    """The samples whose printed sd was taken by n, not n - 1: by n - 1 it is larger."""
    return {
        cell: replace(item, sd=item.sd and item.sd * math.sqrt(item.n / max(item.n - 1, 1)))
        for cell, item in samples.items()
    }


def family(name: str, metric: str, found: Judgement) -> list[Comparison]:
    experiment = load(name)
    members = {claim.id for claim in experiment.claims if claim.family}
    pairs = [pair for verdict in found.verdicts if verdict.claim in members for pair in verdict.comparisons]
    return [pair for pair in pairs if experiment.metric_of(pair.better).name == metric]


def counts(name: str, metric: str, samples: Cells | None = None) -> dict[str, int]:
    pairs = family(name, metric, own(name, samples))
    welch = holm([pair.p_welch if pair.p_welch is not None else 1.0 for pair in pairs])
    won = [pair for pair in pairs if pair.gain.difference > 0]
    return {
        "comparisons": len(pairs),
        "pooled": sum(pair.p_holm is not None and pair.p_holm < ALPHA for pair in won),
        "veto": sum(pair.verdict == "holds" for pair in pairs),
        "fails": sum(pair.verdict == "fails" for pair in pairs),
        "welch": sum(p < ALPHA and pair.gain.difference > 0 for p, pair in zip(welch, pairs, strict=True)),
    }


def claim(name: str, key: str) -> Verdict:
    return next(item for item in own(name).verdicts if item.claim == key)


def half_width(found: Verdict) -> float:
    assert found.gain is not None
    assert found.gain.high is not None
    return found.gain.high - found.gain.difference


@pytest.mark.parametrize(("where", "expected"), FAMILIES.items())
def test_each_family_has_as_many_verdicts_as_in_the_calibration_table(where: str, expected: tuple[int, ...]) -> None:
    name, metric = where.split()
    found = counts(name, metric)
    other = counts(name, metric, as_population(printed_samples(load(name))))
    assert (found["comparisons"], found["pooled"], found["veto"], found["welch"], other["veto"]) == expected
    fails = int(where == "table6 top5_err")
    assert (found["fails"], other["fails"]) == (fails, fails)
    assert own(name).families[metric] == expected[0]


@pytest.mark.parametrize("name", POOLS)
def test_pooled_spreads_and_their_degrees_of_freedom_are_those_of_the_calibration_table(name: str) -> None:
    found = {pool.name: (round(pool.sd, 3), pool.df) for pool in own(name).pools}
    assert found == {key: (pytest.approx(sd, abs=6e-4), df) for key, (sd, df) in POOLS[name].items()}


@pytest.mark.parametrize("name", OWN)
def test_each_claim_gets_the_papers_own_verdict(name: str) -> None:
    assert {item.claim: item.paper for item in own(name, {}).verdicts} == OWN[name]


@pytest.mark.parametrize("name", OWN)
def test_numbers_equal_to_the_papers_get_its_verdict_as_ours(name: str) -> None:
    for item in own(name).verdicts:
        ours = ", ".join(filter(None, (item.verdict, item.reason)))
        assert item.paper.startswith(ours), item.claim
        expected = {"C6.5 top-1": "smaller", "C11.2": "too wide to tell"}.get(item.claim, "reproduced")
        assert item.margin == expected, item.claim


@pytest.mark.parametrize("number", [3, 4, 8, 9, 10, 12])
def test_claims_on_single_runs_get_none(number: int) -> None:
    papers = [item.paper for item in own(f"table{number}").verdicts]
    assert papers == ["n = 1"] * len(papers)
    assert papers


@pytest.mark.parametrize(
    ("name", "key", "gain", "half"),
    [
        ("table6", "C6.4", 1.99, 0.09),
        ("table6", "C6.5 top-1", 0.88, 0.09),
        ("table6", "C6.5 top-5", 0.93, 0.09),
        ("table11", "C11.1 average", 1.14, 0.30),
        ("table11", "C11.2", 0.44, 0.94),
        ("table7", "C2.7", 1.57, 0.57),
        ("ols_single", "S1", 0.94, 0.56),
    ],
)
def test_mean_gains_have_their_intervals(name: str, key: str, gain: float, half: float) -> None:
    found = claim(name, key)
    assert found.gain is not None
    assert (found.gain.difference, half_width(found)) == (pytest.approx(gain, abs=5e-3), pytest.approx(half, abs=5e-3))


def pair(found: Verdict, better: str, worse: str) -> Comparison:
    return next(item for item in found.comparisons if better in item.better and worse in item.worse)


def test_what_leaves_table_2_undecided_is_what_the_spec_names() -> None:
    hard, ls, best = (claim("table2", key) for key in ("C2.1", "C2.2", "C2.3"))
    p = {column: round(pair(hard, column, "hard").p_holm or 0, 3) for column in ("resnet34", "resnet50")}
    assert p == {"resnet34": 0.086, "resnet50": 0.086}
    vetoed = pair(hard, "resnet101", "hard")
    assert (vetoed.reason, round(vetoed.p_welch or 0, 3)) == ("vetoed", 0.084)
    assert round(pair(ls, "resnet50", "ls").p_holm or 0, 3) == 0.086
    assert round(pair(ls, "resnet101", "ls").p_holm or 0, 2) == 0.12
    assert round(pair(claim("table2", "C2.5"), "resnet101", "byot").p_holm or 0, 2) == 0.13
    places = {item.better[1]: round(item.p_holm or 0, 3) for item in best.comparisons}
    assert (places["resnet34"], round(places["resnet101"], 2)) == (0.052, 0.12)
    assert round(pair(best, "resnet50", "boothard").p_pooled or 0, 2) == 0.51


def test_what_leaves_table_7_undecided_is_what_the_spec_names() -> None:
    noisy = pair(claim("table7", "C7.1"), "noise_80", "ls")
    assert (round(noisy.p_holm or 0, 4), round(noisy.p_welch or 0, 3), noisy.reason) == (0.0004, 0.053, "vetoed")
    arazo = [item for item in claim("table7", "C7.4").comparisons if item.worse[0] == "arazo"]
    assert [round(item.p_pooled or 0, 3) for item in arazo] == [0.007, 0.004, 0.004]
    assert [round(item.p_welch or 0, 2) for item in arazo] == [0.02, 0.14, 0.11]
    beaten = [item.better[1] for item in claim("table7", "C7.3").comparisons if item.verdict == "holds"]
    assert [beaten.count(f"noise_{rate}") for rate in (0, 20, 40, 60, 80)] == [6, 6, 5, 5, 3]


def test_the_one_failing_pair_of_table_6_is_efficientnet_on_aircraft() -> None:
    lost = [item for item in claim("table6", "C6.3 top-5").comparisons if item.verdict == "fails"]
    assert [item.better for item in lost] == [("aircraft_efficientnet_b7", "ols_top5")]
    assert lost[0].gain.difference == pytest.approx(2.01 - 2.71)


@pytest.mark.parametrize(
    ("name", "metric", "p"),
    [
        ("table2", "top1_err", 3e-5),
        ("table6", "top1_err", 0.03),
        ("table6", "top5_err", 3e-16),
        ("table7", "top1_err", 9e-6),
        ("table11", "top1_err", 0.73),
        ("table11", "ece", 0.97),
    ],
)
def test_bartlett_says_which_tables_share_a_spread(name: str, metric: str, p: float) -> None:
    experiment = load(name)
    cells = [item for cell, item in printed_samples(experiment).items() if experiment.metric_of(cell).name == metric]
    found = bartlett_p(cells)
    assert found is not None
    assert float(f"{found:.{2 if p > 0.1 else 1}g}") == p


def test_with_the_clean_column_beside_it_ols_single_has_the_interval_of_the_spec() -> None:
    """0.94 +- .61 pools Table VII's clean hard labels and LS with the two cells of the sentence."""
    clean = {row: item for (row, column), item in printed_samples(load("table7")).items() if column == "noise_0"}
    single = printed_samples(load("ols_single"))["ols_single", "resnet56"]
    pool = pooled([single, clean["ols"], clean["hard"], clean["ls"]])
    assert pool is not None
    assert pool.df == 8
    gain = pooled_difference(single, clean["ols"], pool)
    assert (round(gain.value, 2), round(gain.half_width, 2)) == (0.94, 0.61)
