"""OLS-Single's golden cases: the store, its candidates, the loss with given partners and in the mean over partners."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.losses import OnlineLabelSmoothing
from olsrepro.losses.criterion import cross_entropy
from olsrepro.methods.base import MethodContext
from olsrepro.methods.ols_single.method import Method
from olsrepro.methods.ols_single.partners import NONE
from olsrepro.methods.ols_single.settings import Settings
from olsrepro.methods.ols_single.store import PredictionStore

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "golden_methods.json").read_text())
CASES = {case["id"]: case["expected"] for case in GOLDEN["cases"] if case["method"] == "ols_single"}
GIVEN = next(case["params"]["partner"] for case in GOLDEN["cases"] if case["id"] == "ols_single/previous_epoch")
STORED, CURRENT = GOLDEN["inputs"]["main"], GOLDEN["inputs"]["view_b"]
TARGET = torch.tensor(STORED["target"])


def logits_of(values: dict[str, Any]) -> Tensor:
    return torch.tensor(values["logits"], dtype=torch.float64)


def assert_golden(actual: Tensor, expected: Any) -> None:
    torch.testing.assert_close(actual.detach(), torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=1e-10)


def golden_store() -> PredictionStore:
    logits = logits_of(STORED)
    store = PredictionStore(*logits.shape, dtype=torch.float64)
    store.observe(torch.arange(len(TARGET)), TARGET, logits.softmax(1), logits.argmax(1) == TARGET)
    store.end_epoch()
    return store


def candidates_of(store: PredictionStore, label: int) -> list[int]:
    start, count = int(store.starts[label]), int(store.counts[label])
    return store.samples[start : start + count].tolist() or [NONE]


def single_loss(store: PredictionStore, partners: Tensor, logits: Tensor) -> Tensor:
    log_p = logits.log_softmax(1)
    return 0.5 * F.nll_loss(log_p, TARGET) + 0.5 * cross_entropy(store.soft_labels(partners, logits.dtype), log_p)


def test_the_store_and_its_candidates_are_golden() -> None:
    expected, store = CASES["ols_single/previous_epoch"], golden_store()
    assert_golden(store.predictions, expected["store"])
    for label, candidates in expected["candidates"].items():
        assert candidates_of(store, int(label)) == (candidates or [NONE])
    eligible = [sample for sample, right in enumerate(expected["store_correct"]) if right]
    assert store.places.ne(NONE).nonzero().flatten().tolist() == eligible


def golden_partners() -> Tensor:
    return torch.tensor([NONE if partner is None else partner for partner in GIVEN])


def test_with_given_partners_loss_and_gradient_are_golden() -> None:
    expected, store = CASES["ols_single/previous_epoch"], golden_store()
    logits = logits_of(CURRENT).requires_grad_()
    loss = single_loss(store, golden_partners(), logits)
    loss.backward()
    assert_golden(store.soft_labels(golden_partners(), torch.float64), expected["soft_targets"])
    assert_golden(loss, expected["loss"])
    assert_golden(logits.grad, expected["grad_logits"])


def test_the_method_with_given_partners_is_golden_to_the_precision_of_its_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = CASES["ols_single/previous_epoch"]
    network = nn.Identity()  # its logits are what it is given
    method = Method(Settings(), MethodContext(4, seed=0, train_size=8)).train()
    method(network, Batch(logits_of(STORED), TARGET, torch.arange(8), 0))
    method.end_epoch()
    monkeypatch.setattr(method.store, "draw", lambda *_, **__: golden_partners())
    logits = logits_of(CURRENT).requires_grad_()
    loss = method(network, Batch(logits, TARGET, torch.arange(8), 1)).loss
    loss.backward()
    assert loss.item() == pytest.approx(expected["loss"], rel=3e-4)
    torch.testing.assert_close(logits.grad, torch.tensor(expected["grad_logits"]).double(), rtol=0, atol=1e-4)


def test_the_methods_own_draws_keep_to_the_golden_candidates() -> None:
    expected, store = CASES["ols_single/previous_epoch"], golden_store()
    drawn = [store.draw(key, torch.arange(8), TARGET) for key in range(30)]
    seen = [{int(partners[row]) for partners in drawn} for row in range(8)]
    candidates = {int(label): set(samples) for label, samples in expected["candidates"].items()}
    for row, label in enumerate(TARGET.tolist()):
        others = candidates[label] - {row}
        assert seen[row] == (others or candidates[label] or {NONE})


def test_the_mean_over_all_partners_is_golden_and_the_loss_of_ols() -> None:
    expected, store = CASES["ols_single/mean_over_partners_equals_ols"], golden_store()
    logits = logits_of(CURRENT).requires_grad_()
    choices = [candidates_of(store, int(label)) for label in TARGET]
    losses = [single_loss(store, torch.tensor(partners), logits) for partners in product(*choices)]
    loss = torch.stack(losses).mean()
    loss.backward()
    assert_golden(loss, expected["loss"])
    assert_golden(logits.grad, expected["grad_logits"])
    ols = OnlineLabelSmoothing(4)
    ols(logits_of(STORED), TARGET)
    ols.update()
    torch.testing.assert_close(ols.soft_labels.double(), torch.tensor(expected["S"]).double(), rtol=0, atol=1e-6)
    assert loss.item() == pytest.approx(ols(logits, TARGET).item(), abs=1e-6)
