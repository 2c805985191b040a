"""PENCIL: golden values, whether a label can flip, what moves a label and what does not, what it tells."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.methods.base import MethodContext
from olsrepro.methods.pencil.labels import compatibility, correction_loss, divergence, entropy, first_scores, moved
from olsrepro.methods.pencil.method import Method
from olsrepro.methods.pencil.settings import COMPATS, Settings

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "golden_noisy.json").read_text())["pencil"]
N, K, EPOCHS = 12, 4, 8
STAGE1, STAGE2, STAGE3 = 0, 2, 5
few = settings(max_examples=30, deadline=None)


class Given(nn.Module):
    """A network whose logits are what it is given."""

    def forward(self, images: Tensor) -> Tensor:
        return images


def exactly(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def assert_golden(ours: Tensor, theirs: Any) -> None:
    torch.testing.assert_close(ours.double(), exactly(theirs), rtol=0, atol=5e-10)


def targets_of(indices: Tensor) -> Tensor:
    return indices % K


def batch_of(epoch: int, size: int = N, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    indices = torch.randperm(N, generator=generator)[:size]
    logits = torch.randn(size, K, dtype=torch.float64, generator=generator)
    return Batch(logits.requires_grad_(), targets_of(indices), indices, epoch)


def build(**switches: Any) -> Method:
    context = MethodContext(K, 0, epochs=EPOCHS, train_size=N, milestones=(4, 6))
    return Method(Settings(**{"lam": 20.0} | switches), context).train()


def step(method: Method, batch: Batch) -> Tensor:
    loss = method(Given(), batch).loss
    loss.backward()
    method.after_step()
    return loss.detach()


def scores_of(method: Method) -> Tensor:
    return method.change + first_scores(targets_of(torch.arange(N)), K, 10.0)


# Golden values and the gradient


@pytest.mark.parametrize("start", ["from_init", "from_middle"])
@pytest.mark.parametrize("compat", COMPATS)
def test_golden_losses_gradients_and_labels(start: str, compat: str) -> None:
    expected = GOLDEN[start][compat]
    logits = exactly(GOLDEN["logits"]).requires_grad_()
    scores = exactly(GOLDEN[start]["ytilde"]).requires_grad_()
    targets = torch.tensor(GOLDEN["target"])
    log_p = logits.log_softmax(1)
    assert_golden(scores.softmax(1), expected["y_dist"])
    assert_golden(divergence(log_p, scores), expected["Lc"])
    assert_golden(compatibility(scores, targets, compat), expected["Lo"])
    assert_golden(entropy(log_p), expected["Le"])
    loss = correction_loss(logits, scores, targets, alpha=GOLDEN["alpha"], beta=GOLDEN["beta"], compat=compat)
    assert_golden(loss, expected["total"])
    of_logits, of_scores = torch.autograd.grad(loss, (logits, scores))
    assert_golden(of_logits, expected["grad_logits"])
    assert_golden(of_scores, expected["grad_ytilde"])
    after = moved(scores.detach(), of_scores, GOLDEN["lam"])
    assert_golden(after, expected["ytilde_after"])
    assert_golden(after.softmax(1), expected["y_dist_after"])


def test_the_golden_first_scores_are_those_of_the_given_labels() -> None:
    targets = torch.tensor(GOLDEN["target"])
    assert_golden(first_scores(targets, GOLDEN["K"], GOLDEN["init_scale"]), GOLDEN["from_init"]["ytilde"])


@pytest.mark.parametrize("compat", COMPATS)
def test_a_step_of_the_method_moves_its_labels_as_the_golden_one(compat: str) -> None:
    switches = {key: GOLDEN[key] for key in ("alpha", "beta", "lam", "init_scale")}
    method = Method(Settings(compat=compat, **switches), MethodContext(3, 0, epochs=3, train_size=2)).train()

    def batch(epoch: int) -> Batch:
        return Batch(exactly(GOLDEN["logits"]).requires_grad_(), torch.tensor(GOLDEN["target"]), torch.arange(2), epoch)

    assert_golden(step(method, batch(0)), GOLDEN["stage1_loss"])
    expected = GOLDEN["from_init"][compat]
    assert_golden(step(method, batch(1)), expected["total"])
    after = method.change + first_scores(torch.tensor(GOLDEN["target"]), 3, 10.0)
    torch.testing.assert_close(after.double(), exactly(expected["ytilde_after"]), rtol=0, atol=2e-6)


def test_the_golden_loss_of_stage_3_is_the_divergence_alone() -> None:
    scores = exactly(GOLDEN["from_middle"]["ytilde"])
    assert_golden(divergence(exactly(GOLDEN["logits"]).log_softmax(1), scores), GOLDEN["stage3_loss_from_middle"])


@few
@given(seed=st.integers(0, 2**31), classes=st.integers(2, 9), rows=st.integers(1, 6), alpha=st.floats(0, 2))
def test_the_gradient_of_a_label_is_the_papers(seed: int, classes: int, rows: int, alpha: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits, scores = (3 * torch.randn(rows, classes, dtype=torch.float64, generator=generator) for _ in range(2))
    targets = torch.randint(classes, (rows,), generator=generator)
    loss = correction_loss(logits, scores.requires_grad_(), targets, alpha=alpha, beta=0.4, compat="paper")
    (gradient,) = torch.autograd.grad(loss, scores)
    label, p = scores.detach().softmax(1), logits.softmax(1)
    by_hand = (label - p) / (rows * classes) + alpha * (label - F.one_hot(targets, classes)) / rows
    torch.testing.assert_close(gradient, by_hand, rtol=1e-9, atol=1e-12)


def test_a_label_far_from_the_prediction_has_a_finite_loss() -> None:
    scores = torch.tensor([[300.0, 0.0, -300.0]], requires_grad=True)
    loss = correction_loss(torch.tensor([[-90.0, 0, 90]]), scores, torch.tensor([1]), alpha=1, beta=1, compat="paper")
    loss.backward()
    assert loss.isfinite()
    assert scores.grad is not None
    assert scores.grad.isfinite().all()


# Can a label flip?

NEVER = None
FLIPS = [
    # K, lam, alpha, form, the update that flips it, its (given, true) shares after 130 updates
    (10, 300, 0.0, "official_code", 24, None),
    (10, 300, 0.01, "official_code", 25, None),
    (10, 300, 0.1, "paper", NEVER, (0.50, 0.47)),
    (10, 300, 0.1, "official_code", 27, (0.17, 0.80)),
    (10, 300, 0.4, "official_code", NEVER, (0.73, 0.25)),
    (100, 1000, 0.0, "official_code", 75, None),
    (100, 1000, 0.01, "official_code", 86, None),
    (100, 1000, 0.1, "paper", NEVER, (0.90, 0.07)),
    (100, 1000, 0.1, "official_code", NEVER, (0.89, 0.08)),
    (100, 1000, 0.4, "official_code", NEVER, (0.97, 0.02)),
    (100, 10000, 0.0, "official_code", 8, None),
    (100, 10000, 0.005, "official_code", 8, (0.02, 0.94)),
    (100, 10000, 0.01, "official_code", 8, None),
    (100, 10000, 0.1, "paper", NEVER, (0.91, 0.09)),
    (100, 10000, 0.1, "official_code", NEVER, (0.90, 0.10)),
    (100, 10000, 0.4, "official_code", NEVER, (0.98, 0.02)),
]


def watch_label(classes: int, lam: float, alpha: float, compat: str) -> tuple[int | None, tuple[float, float]]:
    """The update after which the label is the true class's, and its shares at the end; class 0 is given, 1 is true."""
    batch, updates = 128, 130
    p = torch.full((1, classes), 0.05 / (classes - 1), dtype=torch.float64)
    p[0, 1] = 0.95
    targets, flip = torch.zeros(1, dtype=torch.int64), None
    scores = first_scores(targets, classes, 10.0, torch.float64)
    for update in range(1, updates + 1):
        scores.requires_grad_()
        of_one = correction_loss(p.log(), scores, targets, alpha=alpha, beta=0.4, compat=compat)
        (gradient,) = torch.autograd.grad(of_one / batch, scores)
        scores = moved(scores.detach(), gradient, lam)
        flip = update if flip is None and int(scores.argmax()) == 1 else flip
    given, true = scores.softmax(1)[0, :2].tolist()
    return flip, (given, true)


@pytest.mark.parametrize(("classes", "lam", "alpha", "compat", "flip", "shares"), FLIPS)
def test_a_label_flips_when_it_is_said_to(
    classes: int, lam: float, alpha: float, compat: str, flip: int | None, shares: tuple[float, float] | None
) -> None:
    found, ended = watch_label(classes, lam, alpha, compat)
    assert found == flip
    if shares is not None:
        assert ended == pytest.approx(shares, abs=0.01)


# What a step does


def test_in_stage_1_it_is_hard_bit_for_bit_and_leaves_the_labels() -> None:
    method, batch = build(), batch_of(STAGE1)
    assert torch.equal(step(method, batch), F.cross_entropy(batch.images, batch.targets).detach())
    assert not method.change.any()


@pytest.mark.parametrize("switches", [{}, {"compat": "paper"}, {"alpha": 0.0}, {"beta": 0.0}], ids=str)
def test_in_stage_2_the_labels_follow_the_gradient_of_the_same_backward_pass(switches: dict[str, Any]) -> None:
    method, scores = build(**switches), first_scores(targets_of(torch.arange(N)), K, 10.0, torch.float64)
    for seed in range(3):
        batch = batch_of(STAGE2, size=7, seed=seed)
        leaf = scores[batch.indices].requires_grad_()
        weights = {"alpha": 0.1, "beta": 0.4, "compat": "official_code"} | switches
        loss = correction_loss(batch.images, leaf, batch.targets, **weights)
        of_leaf, of_logits = torch.autograd.grad(loss, (leaf, batch.images))
        torch.testing.assert_close(step(method, batch), loss.detach(), rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(batch.images.grad, of_logits, rtol=1e-4, atol=1e-7)
        scores[batch.indices] = moved(scores[batch.indices], of_leaf, 20.0)
        torch.testing.assert_close(scores_of(method).double(), scores, rtol=1e-5, atol=1e-5)


def test_samples_that_a_batch_does_not_hold_keep_their_labels() -> None:
    method, batch = build(), batch_of(STAGE2, size=5)
    step(method, batch)
    others = torch.ones(N, dtype=torch.bool).index_fill(0, batch.indices, False)
    assert not method.change[others].any()
    assert method.change[batch.indices].any(1).all()


def test_in_stage_3_the_labels_are_frozen_and_the_loss_is_the_divergence() -> None:
    method = build()
    step(method, batch_of(STAGE2))
    frozen = method.change.clone()
    batch = batch_of(STAGE3, seed=1)
    scores = scores_of(method)[batch.indices].double()
    expected = divergence(batch.images.log_softmax(1), scores).detach()
    torch.testing.assert_close(step(method, batch), expected)
    assert torch.equal(method.change, frozen)


def test_times_k_scales_the_networks_gradient_and_leaves_the_labels() -> None:
    plain, scaled = build(), build(times_k=True)
    for epoch in (STAGE2, STAGE2, STAGE3):
        ours, theirs = batch_of(epoch), batch_of(epoch)
        torch.testing.assert_close(step(scaled, ours), K * step(plain, theirs), rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(ours.images.grad, K * theirs.images.grad, rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(scaled.change, plain.change, rtol=1e-5, atol=1e-6)


def test_an_evaluation_moves_and_notes_nothing() -> None:
    method = build().eval()
    before = copy.deepcopy(method.state_dict())
    with torch.no_grad():
        method(Given(), batch_of(STAGE2))
    method.after_step()
    torch.testing.assert_close(method.state_dict(), before, rtol=0, atol=0)


def test_half_logits_are_raised() -> None:
    method, batch = build(), batch_of(STAGE2)
    with torch.autocast("cpu", torch.bfloat16):
        output = method(Given(), replace(batch, images=batch.images.detach().bfloat16().requires_grad_()))
    assert output.loss.dtype == torch.float32
    output.loss.backward()
    method.after_step()
    assert method.change.any()


def test_it_goes_on_bitwise_from_its_state_inside_an_epoch() -> None:
    whole, first = build(), build()
    for method in (whole, first):
        step(method, batch_of(STAGE2))
    second = build()
    second.load_state_dict(first.state_dict())
    for method in (whole, second):
        step(method, batch_of(STAGE2, size=5, seed=1))
    torch.testing.assert_close(second.state_dict(), whole.state_dict(), rtol=0, atol=0)


# What it tells


def test_its_corrected_labels_are_the_classes_of_the_highest_scores() -> None:
    method, batch = build(alpha=0.0, lam=40.0), batch_of(STAGE2, size=6)
    assert method.corrected_labels().eq(-1).all(), "no label is known before its sample was seen"
    for _ in range(100):
        step(method, replace(batch, images=batch.images.detach().requires_grad_()))
    found = method.corrected_labels()
    assert found[batch.indices].equal(batch.images.argmax(1))
    assert found.ne(-1).sum() == 6
    facts = method.epoch_facts()
    assert facts["stage"] == 2
    assert facts["labels_changed"] == pytest.approx(100 * found[batch.indices].ne(batch.targets).double().mean().item())
    assert facts["labels_changed"] > 0
    shares = scores_of(method)[batch.indices].softmax(1).gather(1, batch.targets[:, None])
    assert facts["given_share"] == pytest.approx(shares.mean().item())


def test_its_facts_of_stage_1_are_those_of_given_labels() -> None:
    method = build()
    step(method, batch_of(STAGE1))
    facts = method.epoch_facts()
    assert facts == {"stage": 1, "labels_changed": 0, "given_share": pytest.approx(0.99986, abs=1e-5)}
