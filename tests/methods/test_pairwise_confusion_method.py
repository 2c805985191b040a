"""Pairwise Confusion in training: hard labels until its start, and one run for one set of rules."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from olsrepro.config.compose import compose_run
from olsrepro.data.batch import Batch
from olsrepro.losses import HardLabel, PairwiseConfusion
from olsrepro.methods.base import LabelMethod, MethodContext
from olsrepro.methods.pairwise_confusion.settings import Settings
from olsrepro.methods.registry import build_method

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "golden_methods.json").read_text())
CASES = {case["id"]: case["expected"] for case in GOLDEN["cases"]}
MAIN = GOLDEN["inputs"]["main"]


def method_of(settings: Settings, epochs: int = 300) -> LabelMethod:
    return build_method(settings, MethodContext(num_classes=4, seed=0, epochs=epochs))


def step(method: LabelMethod, epoch: int) -> tuple[Tensor, Tensor]:
    """Loss and gradient of the golden batch in an epoch."""
    logits = torch.tensor(MAIN["logits"], dtype=torch.float64, requires_grad=True)
    batch = Batch(logits, torch.tensor(MAIN["target"]), torch.arange(8), epoch)
    output = method(nn.Identity(), batch)
    assert output.logits is logits
    output.loss.backward()
    assert logits.grad is not None
    return output.loss.detach(), logits.grad


@pytest.mark.parametrize(("epoch", "case"), [(0, "before_start"), (199, "before_start"), (200, "authors")])
def test_of_300_epochs_the_first_200_are_hard_and_golden(epoch: int, case: str) -> None:
    loss, gradient = step(method_of(Settings()), epoch)
    expected = CASES[f"pairwise_confusion/{case}"]
    assert loss.item() == pytest.approx(expected["loss"], abs=1e-9)
    torch.testing.assert_close(gradient, torch.tensor(expected["grad_logits"], dtype=torch.float64), rtol=0, atol=1e-9)


def test_before_the_start_it_is_the_hard_method_bit_for_bit() -> None:
    hard = build_method(compose_run(["method=hard"]).method, MethodContext(num_classes=4, seed=0, epochs=300))
    for mine, theirs in zip(step(method_of(Settings()), 199), step(hard, 199), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("variant", ["repo", "original"])
def test_the_other_variants_begin_at_once(variant: str) -> None:
    loss, _ = step(method_of(Settings(variant=variant)), 0)
    assert loss.item() == pytest.approx(CASES[f"pairwise_confusion/{variant}"]["loss"], abs=1e-9)


def test_a_start_of_1_is_never_reached() -> None:
    settings = Settings(start=1.0)
    assert settings.first_epoch(300) == 300
    assert torch.equal(step(method_of(settings), 299)[0], step(method_of(Settings()), 0)[0])


@pytest.mark.parametrize(
    ("start", "epochs", "first"),
    [
        *[(None, 300, 200), (None, 30, 20), (None, 6, 4), (None, 4, 3), (None, 3, 2), (0.6667, 300, 200)],
        *[(1 / 3, 300, 100), (0.29, 100, 29), (0.5, 5, 3), (0.0, 7, 0), (0.9, 4, 4)],
    ],
)
def test_the_distance_is_switched_on_at_the_epoch_nearest_to_the_start(
    start: float | None, epochs: int, first: int
) -> None:
    assert Settings(start=start).first_epoch(epochs) == first


def test_the_start_that_the_method_goes_by_is_that_of_its_runs_epochs() -> None:
    method = method_of(Settings(), epochs=30)
    (before, _), (after, _) = step(method, 19), step(method, 20)
    assert before < 1 < after


def test_a_switch_beside_the_variant_reaches_the_criterion() -> None:
    settings = Settings(variant="repo", lam=20.0, start=0.5, pairs="different")
    assert settings.criterion_switches() == {"variant": "repo", "lam": 20.0, "pairs": "different"}
    logits, target = torch.tensor(MAIN["logits"], dtype=torch.float64), torch.tensor(MAIN["target"])
    wanted = PairwiseConfusion(4, "repo", pairs="different", lam=20.0)(logits, target)
    assert torch.equal(step(method_of(settings), 150)[0], wanted)
    assert torch.equal(step(method_of(settings), 149)[0], HardLabel(4)(logits, target))


def test_a_variant_and_its_switches_typed_are_one_run() -> None:
    typed = ["method.space=probs", "method.norm=pair", "method.pairs=different", "method.lam=10", "method.start=0"]
    named = compose_run(["method=pairwise_confusion", "method.variant=original"]).method
    assert compose_run(["method=pairwise_confusion", *typed]).method.identity() == named.identity()
    default = compose_run(["method=pairwise_confusion", "method.start=0.6667"]).method
    assert default.identity() == Settings().identity() == asdict(Settings().rules())
    assert default.identity() != named.identity()


@pytest.mark.parametrize("line", ["space=probs", "norm=pair", "pairs=different", "lam=5", "start=0.5"])
def test_every_switch_makes_another_run(line: str) -> None:
    changed = compose_run(["method=pairwise_confusion", f"method.{line}"]).method
    assert changed.identity() != Settings().identity()


def test_it_needs_pairs_and_keeps_nothing_between_steps() -> None:
    assert Settings.needs_pairs
    method = method_of(Settings())
    step(method, 250)
    assert not method.state_dict()
    assert not list(method.parameters())
