"""That running sums average the epochs of each ensemble, however often the training stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from olsrepro.evaluation.classification import percent_wrong
from olsrepro.evaluation.ensemble_epochs import members_by_size
from olsrepro.evaluation.ensemble_sums import EnsembleSums

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/golden_evaluations.json").read_text())["examples"]
SOFTMAX = GOLDEN["ensemble_softmax_mean"]


def logits_of(epoch: int) -> torch.Tensor:
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(epoch))


def mean_of(*epochs: int) -> torch.Tensor:
    return torch.stack([logits_of(epoch).softmax(1) for epoch in epochs]).mean(0)


def sums_of(sizes: list[int], epochs: int, grid: str = "grid_end") -> EnsembleSums:
    return EnsembleSums(members_by_size(sizes, grid, epochs, seed=0))


def restored(sums: EnsembleSums, sizes: list[int], epochs: int) -> EnsembleSums:
    fresh = sums_of(sizes, epochs)
    fresh.load_state_dict(sums.state_dict())
    return fresh


def test_the_mean_of_probabilities_is_the_golden_one() -> None:
    logits = torch.tensor(SOFTMAX["inputs"]["logits_model_sample_class"])
    sums = sums_of([3], 3)
    for epoch, of_model in enumerate(logits, 1):
        sums.add(epoch, of_model)
    mean = sums.complete()[3] / 3
    torch.testing.assert_close(mean, torch.tensor(SOFTMAX["expected"]["mean_probabilities"]), atol=2e-6, rtol=0)
    hits = int((mean.argmax(1) == torch.tensor(SOFTMAX["inputs"]["labels"])).sum())
    assert percent_wrong(hits, 6) == pytest.approx(SOFTMAX["expected"]["ensemble_err"], abs=1e-5)


def test_several_sizes_sum_their_own_epochs() -> None:
    sums = sums_of([1, 2, 3], 6)
    for epoch in range(1, 7):
        sums.add(epoch, logits_of(epoch))
    assert sums.members == {1: [6], 2: [3, 6], 3: [2, 4, 6]}
    for size, members in sums.members.items():
        torch.testing.assert_close(sums.complete()[size] / size, mean_of(*members))


def test_sums_go_on_bitwise_from_their_state() -> None:
    whole = sums = sums_of([2, 3], 6)
    for epoch in range(1, 7):
        whole.add(epoch, logits_of(epoch))
    for epoch in range(1, 7):
        sums = restored(sums, [2, 3], 6) if epoch > 1 else sums_of([2, 3], 6)
        sums.add(epoch, logits_of(epoch))
    assert sums.complete().keys() == whole.complete().keys() == {2, 3}
    assert all(torch.equal(sums.complete()[size], whole.complete()[size]) for size in (2, 3))


def test_a_sum_that_lacks_members_is_not_complete() -> None:
    before = sums_of([2], 6)
    for epoch in (1, 2, 3):
        before.add(epoch, logits_of(epoch))
    assert before.complete() == {}
    after = restored(before, [2, 3], 6)  # 3 was asked for when its second epoch was over
    for epoch in (4, 5, 6):
        after.add(epoch, logits_of(epoch))
    assert after.complete().keys() == {2}


def test_a_size_that_is_no_longer_asked_for_is_dropped() -> None:
    before = sums_of([1], 1)
    before.add(1, logits_of(1))
    assert restored(before, [], 1).state_dict() == {}


def test_an_epoch_added_after_the_state_was_taken_is_not_in_it() -> None:
    sums = sums_of([2], 2)
    sums.add(1, logits_of(1))
    state: dict[str, Any] = sums.state_dict()
    taken = sums_of([2], 2)
    taken.load_state_dict(state)
    taken.add(2, logits_of(2))
    assert sums.complete() == {}
    torch.testing.assert_close(taken.complete()[2] / 2, mean_of(1, 2))


def test_a_sum_whose_epochs_have_changed_in_the_middle_is_not_complete() -> None:
    before = sums_of([2], 6)
    for epoch in (1, 2, 3):
        before.add(epoch, logits_of(epoch))
    after = sums_of([2], 6, "grid_start")  # epochs 1 and 4, where the first half has summed epoch 3
    after.load_state_dict(before.state_dict())
    for epoch in (4, 5, 6):
        after.add(epoch, logits_of(epoch))
    assert after.complete() == {}


def test_more_models_than_epochs_sum_each_epoch_once() -> None:
    sums = sums_of([5], 3)
    for epoch in (1, 2, 3):
        sums.add(epoch, logits_of(epoch))
    torch.testing.assert_close(sums.complete()[5] / 3, mean_of(1, 2, 3))


def test_the_epochs_of_all_sizes_are_those_of_each() -> None:
    assert sums_of([2, 3], 6).epochs == {2, 3, 4, 6}
    assert sums_of([], 6).epochs == set()
