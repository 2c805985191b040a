"""Every golden case of the criteria: value, gradient and, for OLS, the state of each period."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from olsrepro.losses import build_criterion, criterion_names

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "golden_methods.json").read_text())
CASES = [case for case in GOLDEN["cases"] if case["method"] in criterion_names()]
OWN_TESTS = ("ols", "disturblabel", "pairwise_confusion")
PLAIN = [case for case in CASES if case["method"] not in OWN_TESTS]
OLS = [case for case in CASES if case["method"] == "ols"]
DTYPES = {"float64": torch.float64, "float32": torch.float32}


def batch(name: str, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    data = GOLDEN["inputs"][name]
    return torch.tensor(data["logits"], dtype=dtype, requires_grad=True), torch.tensor(data["target"])


def assert_golden(actual: Tensor, expected: Any, precision: str) -> None:
    wanted = torch.tensor(expected, dtype=torch.float64)
    error = (actual.detach().double() - wanted).abs() / wanted.abs().clamp(min=1)
    assert error.max() <= GOLDEN["tolerance"][precision]


def by_id(cases: list[dict[str, Any]]) -> dict[str, Any]:
    return {"argvalues": cases, "ids": [case["id"] for case in cases]}


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("case", **by_id(PLAIN))
def test_loss_and_gradient_are_the_golden_ones(case: dict[str, Any], precision: str) -> None:
    logits, target = batch(case["inputs"], DTYPES[precision])
    loss = build_criterion(case["method"], logits.shape[1], **case["params"])(logits, target)
    loss.backward()
    assert loss.dtype == logits.dtype
    assert_golden(loss, case["expected"]["loss"], precision)
    assert_golden(logits.grad, case["expected"]["grad_logits"], precision)


@pytest.mark.parametrize("precision", DTYPES)
def test_disturblabel_with_given_draws_is_golden(precision: str) -> None:
    case = next(case for case in CASES if case["id"] == "disturblabel/given_draws")
    logits, target = batch(case["inputs"], DTYPES[precision])
    criterion = build_criterion("disturblabel", 4, alpha=case["params"]["alpha"])
    draws = torch.tensor(case["params"]["u"]), torch.tensor(case["params"]["shift"])
    loss = criterion(logits, target, draws=draws)
    loss.backward()
    assert criterion.threshold == pytest.approx(case["expected"]["threshold"])
    assert criterion.disturbed(target, *draws).tolist() == case["expected"]["disturbed_target"]
    assert_golden(loss, case["expected"]["loss"], precision)
    assert_golden(logits.grad, case["expected"]["grad_logits"], precision)


def test_the_mean_of_disturblabel_over_its_noise_is_label_smoothing_and_golden() -> None:
    case = next(case for case in CASES if case["id"] == "disturblabel/expectation")
    logits, target = batch(case["inputs"], torch.float64)
    criterion = build_criterion("disturblabel", 4, alpha=case["params"]["alpha"])
    flipped = [F.cross_entropy(logits, (target + shift) % 4) for shift in (1, 2, 3)]
    kept = F.cross_entropy(logits, target)
    loss = (1 - criterion.threshold) * kept + criterion.threshold / 3 * torch.stack(flipped).sum()
    loss.backward()
    assert_golden(loss, case["expected"]["loss"], "float64")
    assert_golden(logits.grad, case["expected"]["grad_logits"], "float64")
    smoothed = build_criterion("ls", 4, eps=case["params"]["alpha"])(logits, target)
    assert loss.item() == pytest.approx(smoothed.item(), abs=1e-12)


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("case", **by_id(OLS))
def test_every_period_of_ols_is_golden(case: dict[str, Any], precision: str) -> None:
    criterion = build_criterion("ols", 4, **case["params"])
    for period in case["expected"]["periods"]:
        for expected in period["batches"]:
            # The soft labels lie in fp32, so that float64 losses are exact to fp32 only.
            logits, target = batch(expected["input"], DTYPES[precision])
            loss = criterion(logits, target)
            loss.backward()
            assert loss.dtype == logits.dtype
            assert_golden(loss, expected["loss"], "float32")
            assert_golden(logits.grad, expected["grad_logits"], "float32")
        assert_golden(criterion.table.sums, period["sum_before_update"], precision)
        assert criterion.table.counts.tolist() == period["count_before_update"]
        criterion.update()
        assert_golden(criterion.soft_labels, period["S_after_update"], "float32")


def test_ols_in_float64_is_golden_to_float64_while_its_labels_are_exact_in_fp32() -> None:
    case = next(case for case in OLS if case["id"] == "ols/paper")
    criterion = build_criterion("ols", 4)
    for expected in case["expected"]["periods"][0]["batches"]:
        logits, target = batch(expected["input"], torch.float64)
        loss = criterion(logits, target)
        loss.backward()
        assert_golden(loss, expected["loss"], "float64")
        assert_golden(logits.grad, expected["grad_logits"], "float64")
