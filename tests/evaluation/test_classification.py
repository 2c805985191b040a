"""Errors and losses of logits, against golden values and a count by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from olsrepro.evaluation.classification import classify, percent_wrong, predicted, softmax

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/golden_evaluations.json").read_text())
TOP_K = GOLDEN["examples"]["top_k_error"]


def by_hand(logits: list[list[float]], targets: list[int]) -> tuple[int, int]:
    """Hits among the first and the first five, where the lower class wins a tie."""
    order = [sorted(range(len(row)), key=lambda k, row=row: (-row[k], k)) for row in logits]
    pairs = list(zip(order, targets, strict=True))
    return sum(ranks[0] == target for ranks, target in pairs), sum(target in ranks[:5] for ranks, target in pairs)


def test_top_1_and_top_5_errors_are_the_golden_ones() -> None:
    result = classify(torch.tensor(TOP_K["inputs"]["logits"]), torch.tensor(TOP_K["inputs"]["labels"]))
    assert result.top1_err == pytest.approx(TOP_K["expected"]["top1_err"], abs=1e-9)
    assert result.top5_err == pytest.approx(TOP_K["expected"]["top5_err"], abs=1e-9)
    assert result.count == 10


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.data())
def test_hits_are_those_counted_by_hand_ties_and_few_classes_included(classes: int, data: st.DataObject) -> None:
    values = st.sampled_from([-1.0, 0.0, 0.5])
    logits = data.draw(st.lists(st.lists(values, min_size=classes, max_size=classes), min_size=1, max_size=5))
    targets = data.draw(st.lists(st.integers(0, classes - 1), min_size=len(logits), max_size=len(logits)))
    result = classify(torch.tensor(logits), torch.tensor(targets))
    assert (result.hits, result.top5_hits) == by_hand(logits, targets)


@pytest.mark.parametrize("classes", [6, 100, 1000])
def test_a_network_that_says_the_same_for_all_has_its_ties_broken_by_index(classes: int) -> None:
    result = classify(torch.zeros(classes, classes), torch.arange(classes))
    assert (result.hits, result.top5_hits) == (1, 5)


def test_with_fewer_than_five_classes_the_top_5_error_is_0() -> None:
    result = classify(torch.tensor([[3.0, 2.0, 1.0]]), torch.tensor([2]))
    assert (result.top1_err, result.top5_err) == (100.0, 0.0)


def test_the_loss_is_the_mean_cross_entropy_in_double_precision() -> None:
    logits, targets = torch.tensor([[1.0, -2.0, 0.25], [40.0, 0.0, 0.0]]), torch.tensor([1, 0])
    losses = [
        math.log(sum(math.exp(v) for v in row)) - row[t]
        for row, t in zip(logits.tolist(), targets.tolist(), strict=True)
    ]
    assert classify(logits, targets).loss == pytest.approx(sum(losses) / 2, rel=1e-14)


@pytest.mark.parametrize(
    ("hits", "count", "error"), [(0, 7, 100.0), (7, 7, 0.0), (1, 3, 200 / 3), (9_857, 10_000, 1.43)]
)
def test_errors_are_percentages_of_whole_counts(hits: int, count: int, error: float) -> None:
    assert percent_wrong(hits, count) == error


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float64])
def test_probabilities_and_predictions_are_made_in_fp32(kind: torch.dtype) -> None:
    logits = torch.tensor([[0.5, 3.0, 3.0, -1.0]], dtype=kind)
    probabilities: Tensor = softmax(logits)
    assert probabilities.dtype == torch.float32
    assert torch.equal(probabilities, torch.tensor([[0.5, 3.0, 3.0, -1.0]]).softmax(1))
    assert predicted(logits).tolist() == [1]
