"""The expected calibration error: which bin an edge belongs to, against golden values, the definition, scikit-learn."""

from __future__ import annotations

import json
import math
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from torch import Tensor
from toy_subject import ToySubject

from olsrepro.evaluation.ece.reliability import Reliability, reliability, reliability_of
from olsrepro.evaluation.registry import measure, read_settings
from olsrepro.settings import UserError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/golden_evaluations.json").read_text())["examples"]


def golden(name: str, bins: int = 15) -> Reliability:
    inputs = GOLDEN[name]["inputs"]
    return reliability(torch.tensor(inputs["confidence"], dtype=torch.float64), torch.tensor(inputs["correct"]), bins)


def classifier(confidence: list[float], correct: list[int], classes: int) -> ToySubject:
    """A run whose fp32 logits give class 0 these probabilities, and the other classes even shares of the rest."""
    sure = torch.tensor(confidence, dtype=torch.float64)[:, None]
    shares = torch.cat([sure, ((1 - sure) / (classes - 1)).expand(-1, classes - 1)], dim=1)
    images = torch.zeros(len(sure), 3, 8, 8, dtype=torch.uint8)
    return ToySubject(classes, logits=shares.log().float(), test=(images, 1 - torch.tensor(correct)))


def by_definition(confidence: list[float], correct: list[bool], bins: int) -> float:
    """Bins by exact fractions of the doubles, one sample after the other; the error in percent."""
    gaps = [Fraction(0)] * bins
    for value, right in zip(confidence, correct, strict=True):
        gaps[math.ceil(Fraction(value) * bins) - 1] += int(right) - Fraction(value)
    return float(100 * sum(abs(gap) for gap in gaps) / len(confidence))


def random_confidences(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    confidence = torch.rand(count, generator=generator, dtype=torch.float64).clamp(min=1e-6)
    return confidence, torch.rand(count, generator=generator, dtype=torch.float64) < confidence**2


@pytest.mark.parametrize("name", ["ece_interior", "ece_confidence_one", "ece_edges"])
def test_the_error_is_the_golden_one(name: str) -> None:
    assert golden(name).ece == pytest.approx(GOLDEN[name]["expected"]["ece_percent"], abs=1e-9)


@pytest.mark.parametrize(("name", "classes"), [("ece_interior", 5), ("ece_confidence_one", 2), ("ece_edges", 2)])
def test_a_run_whose_logits_give_the_golden_confidences_has_the_golden_error(name: str, classes: int) -> None:
    inputs = GOLDEN[name]["inputs"]
    subject = classifier(inputs["confidence"], inputs["correct"], classes)
    result = measure(read_settings({"name": "ece", "bins": inputs["bins"]}), subject)
    assert result.values["ece"] == pytest.approx(GOLDEN[name]["expected"]["ece_percent"], abs=1e-5)


def test_the_number_of_bins_changes_the_golden_error() -> None:
    expected = GOLDEN["ece_interior"]["expected"]["ece_percent_10_bins"]
    assert golden("ece_interior", bins=10).ece == pytest.approx(expected, abs=1e-9)


def test_a_confidence_of_exactly_1_is_in_the_last_bin() -> None:
    assert golden("ece_confidence_one").count.tolist() == [0] * 14 + [2]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("bins", [1, 7, 10, 15, 20])
def test_a_confidence_on_an_edge_belongs_to_the_bin_that_ends_there(bins: int, dtype: torch.dtype) -> None:
    edges = torch.tensor([j / bins for j in range(1, bins + 1)], dtype=dtype)
    above = torch.nextafter(edges[:-1], torch.ones(1, dtype=dtype))
    assert reliability(edges, torch.ones(bins), bins).count.tolist() == [1] * bins
    assert reliability(above, torch.ones(bins - 1), bins).count.tolist() == [0] + [1] * (bins - 1)


# Sixty-fourths are never an edge such as 1/15, which a double can't be: there, fractions would tell another bin.
@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 64), st.booleans()), min_size=1, max_size=30), st.sampled_from([1, 2, 4, 8, 15])
)
def test_the_error_is_the_definitions(samples: list[tuple[int, bool]], bins: int) -> None:
    confidence, correct = [place / 64 for place, _ in samples], [right for _, right in samples]
    found = reliability(torch.tensor(confidence), torch.tensor(correct), bins)
    assert found.ece == pytest.approx(by_definition(confidence, correct, bins), abs=1e-9)
    assert abs(found.signed_gap) <= found.ece + 1e-9
    assert found.count.sum() == len(samples)


@pytest.mark.parametrize("bins", [10, 15])
def test_the_diagram_is_scikit_learns_calibration_curve(bins: int) -> None:
    confidence, correct = random_confidences(2000)
    diagram = reliability(confidence, correct, bins).diagram()
    accuracy, mean = calibration_curve(correct.numpy(), confidence.numpy(), n_bins=bins, strategy="uniform")
    assert diagram["accuracy"] == pytest.approx(accuracy.tolist(), abs=1e-12)
    assert diagram["confidence"] == pytest.approx(mean.tolist(), abs=1e-12)


def test_the_error_follows_from_the_diagram() -> None:
    found = reliability(*random_confidences(500), 15)
    bins = zip(*(found.diagram()[key] for key in ("count", "accuracy", "confidence")), strict=True)
    expected = sum(size * abs(right - sure) for size, right, sure in bins if size) / 5
    assert found.ece == pytest.approx(expected, abs=1e-9)


def test_an_empty_bin_has_neither_accuracy_nor_confidence() -> None:
    diagram = reliability(torch.tensor([0.9, 0.95]), torch.tensor([1, 0]), 3).diagram()
    assert diagram["count"] == [0, 0, 2]
    assert diagram["accuracy"] == [None, None, 0.5]
    assert diagram["confidence"][:2] == [None, None]
    assert diagram["upper_edge"] == [1 / 3, 2 / 3, 1.0]


def test_the_signed_gap_tells_over_confidence_from_under_confidence() -> None:
    sure, unsure = torch.tensor([0.9, 0.9]), torch.tensor([0.6, 0.6])
    over, under = reliability(sure, torch.tensor([1, 0]), 15), reliability(unsure, torch.tensor([1, 1]), 15)
    assert (over.signed_gap, under.signed_gap) == (pytest.approx(-40, abs=1e-5), pytest.approx(40, abs=1e-5))
    assert (over.ece, under.ece) == (pytest.approx(40, abs=1e-5), pytest.approx(40, abs=1e-5))


def test_gaps_of_opposite_sign_cancel_in_the_signed_gap_and_not_in_the_error() -> None:
    found = reliability(torch.tensor([0.25, 0.75], dtype=torch.float64), torch.tensor([1, 0]), 2)
    assert (found.signed_gap, found.ece) == (0, 75)


def test_confidence_is_the_largest_softmax_probability() -> None:
    logits = torch.tensor([[0.65, 0.25, 0.1], [0.05, 0.1, 0.85]]).log() + 3
    found = reliability_of(logits, torch.tensor([0, 1]), 10)
    assert found.confidence.tolist() == pytest.approx([0] * 6 + [0.65, 0, 0.85, 0], abs=1e-6)
    assert found.hits.tolist() == [0] * 6 + [1, 0, 0, 0]


def test_a_logit_that_fills_fp32_is_a_confidence_of_1() -> None:
    found = reliability_of(torch.tensor([[200.0, 0.0], [0.0, 300.0]]), torch.tensor([0, 0]), 15)
    assert found.count.tolist() == [0] * 14 + [2]
    assert found.ece == 50


def run(**changes: Any) -> tuple[ToySubject, dict[str, Any]]:
    return ToySubject(classes=5), {"name": "ece"} | changes


def test_a_measured_run_has_both_numbers_and_the_diagram() -> None:
    subject, values = run()
    result = measure(read_settings(values), subject)
    logits, targets = subject.test_logits()
    assert result.samples == len(targets) == 30
    assert result.values["ece"] == reliability_of(logits, targets, 15).ece
    assert result.values["signed_gap"] == reliability_of(logits, targets, 15).signed_gap
    assert result.detail["bins"] == 15
    assert {len(column) for column in result.detail["diagram"].values()} == {15}
    assert sum(result.detail["diagram"]["count"]) == 30
    json.dumps(result.detail, allow_nan=False)


def test_the_number_of_bins_is_a_parameter() -> None:
    subject, values = run(bins=4)
    assert len(measure(read_settings(values), subject).detail["diagram"]["count"]) == 4


@pytest.mark.parametrize("bins", [0, -1, 2.5, True, "15"])
def test_a_number_of_bins_that_is_none_is_refused(bins: Any) -> None:
    with pytest.raises(UserError, match=rf"^ece\.bins={bins} must be a whole number of at least 1$"):
        read_settings({"name": "ece", "bins": bins})


def test_a_test_set_of_cifar_100s_size_takes_less_than_two_seconds() -> None:
    logits = torch.randn(10_000, 100, generator=torch.Generator().manual_seed(0))
    begin = time.perf_counter()
    reliability_of(logits, torch.arange(10_000) % 100, 15)
    assert time.perf_counter() - begin < 2
