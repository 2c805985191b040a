"""Who is whose partner: candidates by class, uniform draws, never oneself where there is another."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from olsrepro.methods.ols_single.partners import (
    NONE,
    draw_partners,
    draw_partners_in_batch,
    list_candidates,
    rows_or_uniform,
)
from olsrepro.randomness import integers

few = settings(max_examples=40, deadline=None)
K = 4
labels_of = st.lists(st.integers(0, K - 1), min_size=1, max_size=30)
seeds = st.integers(0, 2**31)


def coins(count: int, seed: int) -> Tensor:
    return torch.rand(count, generator=torch.Generator().manual_seed(seed)) < 0.5


def slow_partner(candidates: list[int], key: int, index: int, exclude_self: bool, keep_single: bool) -> int:
    """One draw from the definition: place ``integers(...)`` of the sorted list without oneself."""
    others = [sample for sample in candidates if sample != index]
    if exclude_self and (others or not keep_single):
        candidates = others
    if not candidates:
        return NONE
    return candidates[int(integers(key, torch.tensor([index]), 0, len(candidates)))]


@few
@given(labels=labels_of, seed=seeds)
def test_candidates_are_listed_by_class_in_ascending_order(labels: list[int], seed: int) -> None:
    eligible = coins(len(labels), seed)
    listed = list_candidates(torch.tensor(labels), eligible, K)
    for k in range(K):
        expected = [index for index, label in enumerate(labels) if label == k and eligible[index]]
        start, count = int(listed.starts[k]), int(listed.counts[k])
        assert listed.samples[start : start + count].tolist() == expected
        assert listed.places[expected].tolist() == list(range(len(expected)))
    assert listed.places[~eligible].eq(NONE).all()


def test_the_label_of_a_sample_that_is_not_eligible_is_not_looked_at() -> None:
    listed = list_candidates(torch.tensor([-1, 1, 99]), torch.tensor([False, True, False]), 2)
    assert listed.counts.tolist() == [0, 1]
    assert listed.samples[listed.starts[1]] == 1


@few
@given(labels=labels_of, seed=seeds, exclude_self=st.booleans())
def test_a_draw_is_that_of_the_definition(labels: list[int], seed: int, exclude_self: bool) -> None:
    targets, eligible = torch.tensor(labels), coins(len(labels), seed)
    indices = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    listed = list_candidates(targets, eligible, K)
    drawn = draw_partners(listed, seed, indices, targets[indices], exclude_self=exclude_self)
    for index, partner in zip(indices.tolist(), drawn.tolist(), strict=True):
        candidates = [other for other, label in enumerate(labels) if label == labels[index] and eligible[other]]
        assert partner == slow_partner(candidates, seed, index, exclude_self, keep_single=True)


@few
@given(labels=labels_of, seed=seeds, exclude_self=st.booleans())
def test_a_draw_inside_a_batch_is_that_of_the_definition(labels: list[int], seed: int, exclude_self: bool) -> None:
    targets, eligible = torch.tensor(labels), coins(len(labels), seed)
    indices = torch.randperm(100, generator=torch.Generator().manual_seed(seed))[: len(labels)]
    drawn = draw_partners_in_batch(seed, indices, targets, eligible, exclude_self=exclude_self)
    of_sample = {int(index): row for row, index in enumerate(indices)}
    for row, index in enumerate(indices.tolist()):
        same_class = (other for other, at in of_sample.items() if labels[at] == labels[row] and eligible[at])
        expected = slow_partner(sorted(same_class), seed, index, exclude_self, keep_single=False)
        assert (indices[drawn[row]] if drawn[row] != NONE else NONE) == expected


def test_a_class_with_one_candidate_may_use_itself() -> None:
    targets = torch.tensor([0, 0, 1])
    listed = list_candidates(targets, torch.tensor([True, False, True]), 2)
    assert draw_partners(listed, 7, torch.arange(3), targets).tolist() == [0, 0, 2]


def test_a_class_without_a_candidate_has_no_partner() -> None:
    targets = torch.tensor([0, 1, 3])
    listed = list_candidates(targets, torch.tensor([True, False, False]), K)
    assert draw_partners(listed, 7, torch.arange(3), targets).tolist() == [0, NONE, NONE]
    nobody = list_candidates(targets, torch.zeros(3, dtype=torch.bool), K)
    assert draw_partners(nobody, 7, torch.arange(3), targets).tolist() == [NONE] * 3


def test_a_sample_alone_in_its_batch_has_no_partner_there() -> None:
    indices, targets, eligible = torch.tensor([8, 3, 5]), torch.tensor([0, 1, 0]), torch.ones(3, dtype=torch.bool)
    assert draw_partners_in_batch(0, indices, targets, eligible).tolist() == [2, NONE, 0]
    assert draw_partners_in_batch(0, indices[:1], targets[:1], eligible[:1]).tolist() == [NONE]
    assert draw_partners_in_batch(0, indices[:1], targets[:1], eligible[:1], exclude_self=False).tolist() == [0]


@pytest.mark.parametrize("exclude_self", [True, False])
def test_draws_are_uniform_over_the_candidates(exclude_self: bool) -> None:
    targets, draws = torch.zeros(5, dtype=torch.int64), 4000
    listed = list_candidates(targets, torch.tensor([True, True, False, True, True]), 1)
    indices, one_class = torch.tensor([3]), targets[:1]
    drawn = [int(draw_partners(listed, key, indices, one_class, exclude_self=exclude_self)) for key in range(draws)]
    candidates = [0, 1, 4] if exclude_self else [0, 1, 3, 4]
    assert set(drawn) == set(candidates)
    for candidate in candidates:
        share, expected = drawn.count(candidate) / draws, 1 / len(candidates)
        assert abs(share - expected) < 4 * (expected * (1 - expected) / draws) ** 0.5


@few
@given(seed=seeds)
def test_the_order_of_a_batch_and_its_split_change_no_draw(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    targets, eligible = torch.randint(K, (20,), generator=generator), coins(20, seed)
    order = torch.randperm(20, generator=generator)
    listed = list_candidates(targets, eligible, K)
    whole = draw_partners(listed, seed, torch.arange(20), targets)
    parts = [draw_partners(listed, seed, part, targets[part]) for part in order.split(7)]
    assert torch.equal(torch.cat(parts), whole[order])
    inside = draw_partners_in_batch(seed, torch.arange(20), targets, eligible)
    shuffled = draw_partners_in_batch(seed, order, targets[order], eligible[order])
    assert torch.equal(torch.where(shuffled == NONE, NONE, order[shuffled]), inside[order])


def test_another_key_draws_other_partners() -> None:
    targets = torch.zeros(50, dtype=torch.int64)
    listed = list_candidates(targets, targets == 0, 1)
    first, second = (draw_partners(listed, key, torch.arange(50), targets) for key in (1, 2))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_soft_label_is_the_partners_row_and_exactly_uniform_without_one(dtype: torch.dtype) -> None:
    predictions = torch.tensor([[0.25, 0.5, 0.25], [0.75, 0.125, 0.125]], dtype=torch.float16)
    labels = rows_or_uniform(predictions, torch.tensor([1, NONE]), dtype)
    assert torch.equal(labels, torch.tensor([[0.75, 0.125, 0.125], [1 / 3, 1 / 3, 1 / 3]], dtype=dtype))
