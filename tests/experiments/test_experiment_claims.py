"""The paper's claims in the files of ``configs/experiment``: all of them, on the right cells, in the right families."""

from __future__ import annotations

from collections import Counter

import pytest
from paper_names import FILES

from olsrepro.experiments.experiment import Claim, Experiment
from olsrepro.experiments.files import experiments, load

CLAIMS = {
    "table1": "C1.1 C1.2 C1.3",
    "table2": "C2.1 C2.2 C2.3 C2.4 C2.5 C2.6",
    "table3": "C3.1 C3.2 C3.3",
    "table4": "C4.1 C4.2 C4.3 C4.4 C4.5",
    "table5": "C5",
    "table6": "C6.1 C6.2 C6.3 C6.4 C6.5",
    "table7": "C7.1 C7.2 C7.3 C7.4 C2.7",
    "table8": "C8.1 C8.2",
    "table9": "C9.1 C9.2",
    "table10": "C10",
    "table11": "C11.1 C11.2 C11.3 C11.4",
    "table12": "C12",
    "ols_single": "S1",
    "figure1": "F1",
    "figure3": "F3",
    "figure4": "F4.1 F4.2",
    "figure5": "F5.1",
    "figure7a": "F7a.1 F7a.2",
    "figure7b": "F7b.1a F7b.1b F7b.1c",
    "check": "K1 K2 F7a.3 E1",
}
SPLIT_BY_METRIC = ("C6.1", "C6.2", "C6.3", "C6.5", "C9.1", "C9.2")
FAMILIES = {
    "table2": {"top1_err": 17},
    "table6": {"top1_err": 48, "top5_err": 48},
    "table7": {"top1_err": 10},
    "table11": {"top1_err": 6, "ece": 6},
}
MARGINS = {
    "C2.1": [0.58, 0.56, 0.68, 2.11, 2.06],
    "C2.2": [0.90, 0.55, 0.46, 1.53, 0.77],
    "C2.4": [1.45, 1.15],
    "C2.5": [0.97, 1.05, 0.37, 1.40, 1.08],
    "C2.6": [2.11, 1.53],
    "C2.7": [1.57],
    "C3.1": [1.36],
    "C3.3 15 to 20 models": [-0.01, 0.01, 0.19],
    "C4.1": [1.40, 0.54],
    "C4.2": [1.02, 0.42],
    "C4.3 ResNet-50": [0.95, 0.30],
    "C4.3 ResNet-101": [0.47, 0.60],
    "C4.4": [1.16, 0.40],
    "C4.5 (implied)": [0.22],
    "C7.1": [1.13, 2.81, 5.13, 9.47, 2.14],
    "C7.2": [1.57, 5.08, 8.21, 12.02, 3.34],
    "C8.1": [22.07, 19.44, 22.29, 17.29, 19.09],
    "C8.2": [16.89, 16.28, 13.72, 17.67, 11.03],
    "C10": [-1.1, -0.4],
    "C11.1 each depth": [1.13, 1.01, 1.28],
    "C11.2": [0.50, 0.56, 0.27],
    "S1": [0.94],
}
KINDS = {
    "best": "C2.3 C3.2 C7.4 C8.1 C8.2 C12 F7a.1 F7b.1a",
    "most": "C7.3",
    "average": "C6.4 C6.5 C9.1 C9.2 C11.1",
    "slope": "F7a.2 F7b.1c",
    "equivalent": "F7b.1b K2",
    "above": "F1",
    "not_above": "E1",
    "diverges": "F7a.3",
    "same": "C1.1 C1.2 C1.3 C5 K1",
}
AVERAGES = {
    "C6.4": (2.0, 1.986),
    "C6.5 top-1": (1.0, 0.876),
    "C6.5 top-5": (1.0, 0.933),
    "C9.1 top-1": (17.9, 17.89),
    "C9.1 top-5": (13.9, 13.88),
    "C9.2 top-1": (2.3, 2.265),
    "C9.2 top-5": (2.4, 2.41),
    "C11.1 average": (1.14, 1.14),
}


def places_of(experiment: Experiment, claim: Claim) -> tuple[str, ...]:
    return claim.over or tuple(experiment.columns if claim.axis == "row" else experiment.rows)


def gains(experiment: Experiment, claim: Claim) -> list[float]:
    """Printed differences in favour of a claim on an error, place by place, rival by rival."""
    mean = {cell: number.mean for cell, number in experiment.paper.items()}
    places = places_of(experiment, claim)
    pairs = ((claim.cell(rival, place), claim.cell(claim.better, place)) for place in places for rival in claim.than)
    return [mean[worse] - mean[better] for worse, better in pairs]


def claim_of(claim_id: str) -> tuple[Experiment, Claim]:
    found = [(item, claim) for item in experiments() for claim in item.claims if claim.id == claim_id]
    assert len(found) == 1
    return found[0]


def test_every_claim_of_the_paper_is_in_the_file_of_its_table_or_figure() -> None:
    for name, ids in CLAIMS.items():
        assert {claim.id.partition(" ")[0] for claim in load(name).claims} == set(ids.split())


def test_claims_on_two_metrics_are_two() -> None:
    found = {claim.id for item in experiments() for claim in item.claims}
    for claim_id in SPLIT_BY_METRIC:
        assert {f"{claim_id} top-1", f"{claim_id} top-5"} <= found
    assert {"C12 KL", "C12 top-1", "C11.1 each depth", "C11.1 average"} <= found


def test_no_two_claims_have_one_id() -> None:
    ids = Counter(claim.id for name in FILES for claim in load(name).claims)
    assert [claim_id for claim_id, count in ids.items() if count > 1] == []


@pytest.mark.parametrize("name", FILES)
def test_a_claim_is_about_cells_that_are_measured_in_one_metric(name: str) -> None:
    experiment = load(name)
    for claim in experiment.claims:
        places = places_of(experiment, claim)
        cells = {claim.cell(key, place) for key in (claim.better, *claim.than) for place in places}
        assert cells <= {cell for cell in experiment.cells() if not experiment.rows[cell[0]].quoted}
        if claim.kind != "same":
            assert len({experiment.metric_of(cell).name for cell in cells}) == 1
        assert claim.better not in claim.than


@pytest.mark.parametrize("name", FILES)
def test_a_claim_has_what_its_kind_needs(name: str) -> None:
    rivals = ("better", "best", "most", "average", "equivalent", "not_above")
    bounded = ("most", "slope", "equivalent", "above", "not_above", "diverges")
    experiment = load(name)
    for claim in experiment.claims:
        assert bool(claim.than) == (claim.kind in rivals or claim.id == "K1")
        assert bool(claim.bound) == (claim.kind in bounded)
        assert (claim.stated is not None) == (claim.kind == "average")
        assert not claim.family or claim.kind == "better"
        if claim.kind == "slope":
            assert all(experiment.columns[key].x is not None for key in claim.over)


@pytest.mark.parametrize("kind", KINDS)
def test_claims_are_judged_as_their_sentences_ask(kind: str) -> None:
    claims = [claim for name in FILES for claim in load(name).claims if claim.kind == kind]
    assert {claim.id.partition(" ")[0] for claim in claims} == set(KINDS[kind].split())


def test_a_higher_error_favours_the_claims_on_fitting_noise_alone() -> None:
    claims = [(name, claim) for name in FILES for claim in load(name).claims if claim.reverse]
    assert {claim.id for _, claim in claims} == {"F4.1", "F5.1"}
    for name, claim in claims:
        metrics = {
            load(name).metric_of(claim.cell(claim.better, place)).better for place in places_of(load(name), claim)
        }
        assert metrics == {""}


def test_slopes_have_the_signs_and_axes_of_figure_7() -> None:
    falls, rises = claim_of("F7a.2")[1], claim_of("F7b.1c")[1]
    assert falls.bound < 0 < rises.bound
    assert (falls.log2, rises.log2) == (False, True)
    assert [load("figure7a").columns[key].x for key in falls.over] == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert [load("figure7b").columns[key].x for key in rises.over] == [768, 1536, 3072]


@pytest.mark.parametrize("name", FILES)
def test_the_holm_families_have_their_sizes(name: str) -> None:
    experiment = load(name)
    sizes: Counter[str] = Counter()
    for claim in (claim for claim in experiment.claims if claim.family):
        places = places_of(experiment, claim)
        metric = experiment.metric_of(claim.cell(claim.better, places[0])).name
        sizes[metric] += len(places) * len(claim.than)
    assert dict(sizes) == FAMILIES.get(name, {})


@pytest.mark.parametrize("claim_id", MARGINS)
def test_a_claims_printed_margins_are_those_of_its_sentence(claim_id: str) -> None:
    assert gains(*claim_of(claim_id)) == pytest.approx(MARGINS[claim_id], abs=1e-9)


@pytest.mark.parametrize("claim_id", AVERAGES)
def test_an_average_claims_printed_gain_is_stated_beside_what_its_cells_come_to(claim_id: str) -> None:
    experiment, claim = claim_of(claim_id)
    found = gains(experiment, claim)
    assert (claim.stated, sum(found) / len(found)) == pytest.approx(AVERAGES[claim_id], abs=6e-4)


@pytest.mark.parametrize("claim_id", ["C2.3", "C3.2", "C7.4", "C8.1", "C8.2", "C12 KL", "C12 top-1"])
def test_the_best_of_all_is_the_lowest_number_that_the_paper_prints_there(claim_id: str) -> None:
    assert min(gains(*claim_of(claim_id))) > 0


def test_by_printed_means_ols_beats_all_six_noise_methods_but_one_at_80_percent() -> None:
    experiment, claim = claim_of("C7.3")
    assert claim.bound == 3
    found = gains(experiment, claim)
    beaten = [sum(gain > 0 for gain in found[start : start + 6]) for start in range(0, 30, 6)]
    assert beaten == [6, 6, 6, 6, 5]
