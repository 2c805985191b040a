"""Which epochs an ensemble averages, and that running sums average them, however often the training stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from olsrepro.evaluation.classification import percent_wrong
from olsrepro.evaluation.ensemble_sums import EnsembleSums, grid_end_epochs

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/golden_evaluations.json").read_text())["examples"]
EPOCHS, SOFTMAX = GOLDEN["ensemble_epochs"], GOLDEN["ensemble_softmax_mean"]


def logits_of(epoch: int) -> torch.Tensor:
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(epoch))


def mean_of(*epochs: int) -> torch.Tensor:
    return torch.stack([logits_of(epoch).softmax(1) for epoch in epochs]).mean(0)


def restored(sums: EnsembleSums, sizes: list[int], epochs: int) -> EnsembleSums:
    fresh = EnsembleSums(sizes, epochs)
    fresh.load_state_dict(sums.state_dict())
    return fresh


@pytest.mark.parametrize("size", EPOCHS["inputs"]["sizes"])
def test_member_epochs_are_the_golden_ones(size: int) -> None:
    assert grid_end_epochs(EPOCHS["inputs"]["epochs"], size) == EPOCHS["expected"][str(size)]


@given(st.integers(1, 400), st.data())
def test_members_are_different_epochs_of_the_training_and_the_last_is_one(epochs: int, data: st.DataObject) -> None:
    members = grid_end_epochs(epochs, size := data.draw(st.integers(1, epochs)))
    assert len(set(members)) == len(members) == size
    assert members[0] >= 1
    assert members == sorted(members)
    assert members[-1] == epochs


def test_the_mean_of_probabilities_is_the_golden_one() -> None:
    logits = torch.tensor(SOFTMAX["inputs"]["logits_model_sample_class"])
    sums = EnsembleSums([3], 3)
    for epoch, of_model in enumerate(logits, 1):
        sums.add(epoch, of_model)
    mean = sums.complete()[3] / 3
    torch.testing.assert_close(mean, torch.tensor(SOFTMAX["expected"]["mean_probabilities"]), atol=2e-6, rtol=0)
    hits = int((mean.argmax(1) == torch.tensor(SOFTMAX["inputs"]["labels"])).sum())
    assert percent_wrong(hits, 6) == pytest.approx(SOFTMAX["expected"]["ensemble_err"], abs=1e-5)


def test_several_sizes_sum_their_own_epochs() -> None:
    sums = EnsembleSums([1, 2, 3], 6)
    for epoch in range(1, 7):
        sums.add(epoch, logits_of(epoch))
    assert sums.members == {1: [6], 2: [3, 6], 3: [2, 4, 6]}
    for size, members in sums.members.items():
        torch.testing.assert_close(sums.complete()[size] / size, mean_of(*members))


def test_sums_go_on_bitwise_from_their_state() -> None:
    whole = sums = EnsembleSums([2, 3], 6)
    for epoch in range(1, 7):
        whole.add(epoch, logits_of(epoch))
    for epoch in range(1, 7):
        sums = restored(sums, [2, 3], 6) if epoch > 1 else EnsembleSums([2, 3], 6)
        sums.add(epoch, logits_of(epoch))
    assert sums.complete().keys() == whole.complete().keys() == {2, 3}
    assert all(torch.equal(sums.complete()[size], whole.complete()[size]) for size in (2, 3))


def test_a_sum_that_lacks_members_is_not_complete() -> None:
    before = EnsembleSums([2], 6)
    for epoch in (1, 2, 3):
        before.add(epoch, logits_of(epoch))
    assert before.complete() == {}
    after = restored(before, [2, 3], 6)  # 3 was asked for when its second epoch was over
    for epoch in (4, 5, 6):
        after.add(epoch, logits_of(epoch))
    assert after.complete().keys() == {2}


def test_a_size_that_is_no_longer_asked_for_is_dropped() -> None:
    before = EnsembleSums([1], 1)
    before.add(1, logits_of(1))
    assert restored(before, [], 1).state_dict() == {}


def test_an_epoch_added_after_the_state_was_taken_is_not_in_it() -> None:
    sums = EnsembleSums([2], 2)
    sums.add(1, logits_of(1))
    state: dict[str, Any] = sums.state_dict()
    taken = EnsembleSums([2], 2)
    taken.load_state_dict(state)
    taken.add(2, logits_of(2))
    assert sums.complete() == {}
    torch.testing.assert_close(taken.complete()[2] / 2, mean_of(1, 2))
