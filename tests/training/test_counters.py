"""What is counted in an epoch, against a slow count sample by sample."""

from __future__ import annotations

import json
import math
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from olsrepro.data.batch import Batch
from olsrepro.methods.base import StepOutput
from olsrepro.training.counters import EpochCounters, TrainingCounts

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/golden_noisy.json").read_text())["metrics"]
SAMPLES, CLASSES, SIZE = 150, 3, 24
NO_IMAGES = torch.zeros(0)

Step = tuple[Batch, StepOutput]


def one_step(true: Tensor, noisy: Tensor, guess: Tensor) -> EpochCounters:
    counters = EpochCounters(true)
    logits = torch.nn.functional.one_hot(guess, int(max(true.max(), guess.max())) + 1).float()
    counters.add(0, Batch(NO_IMAGES, noisy, torch.arange(len(true)), 0), StepOutput(torch.tensor(1.0), logits))
    return counters


def epoch(seed: int) -> tuple[Tensor, list[Step]]:
    """True labels, and the steps of an epoch over them in a random order, a third of the labels wrong."""
    random = torch.Generator().manual_seed(seed)
    true = torch.randint(CLASSES, (SAMPLES,), generator=random)
    wrong = (true + torch.randint(1, CLASSES, (SAMPLES,), generator=random)) % CLASSES
    noisy = torch.where(torch.rand(SAMPLES, generator=random) < 1 / 3, wrong, true)
    steps = []
    for indices in torch.randperm(SAMPLES, generator=random).split(SIZE):
        logits = torch.randn(len(indices), CLASSES, generator=random)
        loss = torch.rand((), generator=random)
        steps.append((Batch(NO_IMAGES, noisy[indices], indices, 0), StepOutput(loss, logits)))
    return true, steps


def counted_by_hand(true: Tensor, steps: list[Step]) -> TrainingCounts:
    names = ("kept", "flipped", "hit_kept", "hit_flipped_wrong", "hit_flipped_true")
    counts, losses = dict.fromkeys(names, 0), 0.0
    for batch, output in steps:
        for row, given, index in zip(
            output.logits.tolist(), batch.targets.tolist(), batch.indices.tolist(), strict=True
        ):
            guess, right = row.index(max(row)), int(true[index])
            losses += float(output.loss)
            if given == right:
                counts["kept"] += 1
                counts["hit_kept"] += guess == given
            else:
                counts["flipped"] += 1
                counts["hit_flipped_wrong"] += guess == given
                counts["hit_flipped_true"] += guess == right
    return TrainingCounts(**counts, mean_loss=losses / SAMPLES)


def counters_after(true: Tensor, steps: list[Step], *, stop_at: int | None = None) -> EpochCounters:
    """Counters after the steps; at ``stop_at`` others go on from their state."""
    counters = EpochCounters(true)
    for step, (batch, output) in enumerate(steps):
        if step == stop_at:
            state = deepcopy(counters.state_dict())
            counters = EpochCounters(true)
            counters.load_state_dict(state)
        counters.add(step, batch, output)
    return counters


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_counted_sample_by_sample(seed: int) -> None:
    true, steps = epoch(seed)
    counts, expected = counters_after(true, steps).read(), counted_by_hand(true, steps)
    assert counts.mean_loss == pytest.approx(expected.mean_loss, rel=1e-12)
    assert (counts.kept, counts.flipped) == (expected.kept, expected.flipped)
    assert (counts.hit_kept, counts.hit_flipped_wrong, counts.hit_flipped_true) == (
        expected.hit_kept,
        expected.hit_flipped_wrong,
        expected.hit_flipped_true,
    )
    assert min(counts.hit_kept, counts.hit_flipped_wrong, counts.hit_flipped_true) > 0


def test_the_errors_are_the_golden_ones() -> None:
    true, noisy, guess = (torch.tensor(GOLDEN[key]) for key in ("true", "noisy", "pred"))
    counts = one_step(true, noisy, guess).read()
    assert counts.train_err == pytest.approx(100 * GOLDEN["train_error_vs_noisy"])
    assert counts.flipped == sum(GOLDEN["flipped"])
    assert 1 - counts.hit_flipped_wrong / counts.flipped == pytest.approx(GOLDEN["flipped_error_vs_wrong"])
    assert 1 - counts.hit_flipped_true / counts.flipped == pytest.approx(GOLDEN["flipped_error_vs_true"])
    assert 1 - counts.hit_kept / counts.kept == pytest.approx(GOLDEN["kept_error"])
    hits = counts.hit_kept + counts.hit_flipped_true
    assert 1 - hits / (counts.kept + counts.flipped) == pytest.approx(GOLDEN["train_error_vs_true"])


def test_the_loss_is_weighted_by_the_size_of_the_batch() -> None:
    counters, true = EpochCounters(torch.zeros(4, dtype=torch.int64)), torch.zeros(4, dtype=torch.int64)
    for step, (indices, loss) in enumerate([([0, 1, 2], 1.0), ([3], 5.0)]):
        at = torch.tensor(indices)
        counters.add(step, Batch(NO_IMAGES, true[at], at, 0), StepOutput(torch.tensor(loss), torch.zeros(len(at), 2)))
    assert counters.read().mean_loss == 2.0


@pytest.mark.parametrize("stop_at", [1, 3, 6])
def test_counts_go_on_from_a_state_taken_inside_an_epoch(stop_at: int) -> None:
    true, steps = epoch(0)
    assert counters_after(true, steps, stop_at=stop_at).read() == counters_after(true, steps).read()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_first_step_with_a_loss_that_is_not_finite_is_kept(value: float) -> None:
    true, steps = epoch(0)
    for bad in (2, 4):
        batch, output = steps[bad]
        steps[bad] = (batch, StepOutput(torch.tensor(value), output.logits))
    assert counters_after(true, steps[:2]).first_bad_step() is None
    assert counters_after(true, steps[:3]).first_bad_step() == 2
    assert counters_after(true, steps).first_bad_step() == 2
    assert counters_after(true, steps, stop_at=3).first_bad_step() == 2


def test_a_bad_loss_in_the_first_step_is_no_absence() -> None:
    true, steps = epoch(0)
    counters = EpochCounters(true)
    counters.add(0, steps[0][0], StepOutput(torch.tensor(math.nan), steps[0][1].logits))
    assert counters.first_bad_step() == 0


def test_a_new_epoch_starts_from_nothing() -> None:
    true, steps = epoch(0)
    counters = counters_after(true, [(steps[0][0], StepOutput(torch.tensor(math.nan), steps[0][1].logits))])
    counters.reset()
    assert counters.first_bad_step() is None
    assert counters.read() == TrainingCounts(0, 0, 0, 0, 0, 0.0)
    for step, (batch, output) in enumerate(steps):
        counters.add(step, batch, output)
    assert counters.read() == counters_after(true, steps).read()


def test_predictions_of_a_pass_are_counted_in_the_place_of_the_steps() -> None:
    true, given = torch.tensor([0, 1, 2, 0, 1]), torch.tensor([0, 1, 1, 2, 1])
    counters = EpochCounters(true)
    counters.count_instead(torch.tensor([0, 0, 1, 0, -1]), given)
    counts = counters.read()
    assert (counts.kept, counts.flipped) == (2, 2)
    assert (counts.hit_kept, counts.hit_flipped_wrong, counts.hit_flipped_true) == (1, 1, 1)


def test_steps_without_logits_count_their_images_and_their_loss_alone() -> None:
    counters = EpochCounters(torch.tensor([0, 1, 2]))
    batch = Batch(torch.zeros(2, 3, 4, 4), torch.tensor([0, 1]), torch.tensor([0, 1]), 0)
    counters.add(0, batch, StepOutput(torch.tensor(3.0), None))
    assert counters.images() == 2
    assert counters.read().mean_loss == 3.0
    assert counters.read().kept == 0


def test_the_share_of_true_labels_leaves_out_what_was_not_looked_at() -> None:
    counters = EpochCounters(torch.tensor([0, 1, 2, 3]))
    assert counters.share_true(torch.tensor([0, 1, 0, -1])) == pytest.approx(2 / 3)
