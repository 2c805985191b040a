"""Every row of a batch is in one part, pairs stay together, and parts of parts are those of as many ranks."""

from __future__ import annotations

import pytest
import torch

from olsrepro.data.batch import Batch
from olsrepro.data.shard import Shard, rows_of_part

COUNTS = range(1, 30)


@pytest.mark.parametrize("in_pairs", [False, True])
@pytest.mark.parametrize("parts", [1, 2, 3, 4])
def test_every_row_is_in_one_part(parts: int, in_pairs: bool) -> None:
    for count in COUNTS:
        rows = torch.cat([rows_of_part(count, part, parts, in_pairs=in_pairs) for part in range(parts)])
        assert torch.equal(rows.sort().values, torch.arange(count))


@pytest.mark.parametrize("parts", [1, 2, 3, 4])
def test_parts_differ_by_one_row_at_most(parts: int) -> None:
    for count in COUNTS:
        sizes = [len(rows_of_part(count, part, parts)) for part in range(parts)]
        assert max(sizes) - min(sizes) <= 1


def pairs_of(rows: torch.Tensor) -> set[tuple[int, int]]:
    half = len(rows) // 2
    return {(int(a), int(b)) for a, b in zip(rows[:half], rows[len(rows) - half :], strict=True)}


@pytest.mark.parametrize("parts", [2, 3, 4])
def test_the_pairs_of_all_parts_are_the_pairs_of_the_batch(parts: int) -> None:
    for count in COUNTS:
        found = [pairs_of(rows_of_part(count, part, parts, in_pairs=True)) for part in range(parts)]
        assert set().union(*found) == pairs_of(torch.arange(count))


@pytest.mark.parametrize(("total", "ranks"), [(10, 3), (7, 2), (10_000, 7)])
def test_a_test_is_split_into_ranges_that_follow_one_another(total: int, ranks: int) -> None:
    seen = [i for rank in range(ranks) for i in range(total)[Shard(rank, ranks).of_samples(total)]]
    assert seen == list(range(total))


def batch_of(count: int) -> Batch:
    images = torch.arange(count, dtype=torch.float32).view(-1, 1, 1, 1)
    targets = torch.arange(count)
    return Batch(images, targets, targets + 100, 0, (images + 0.5,), images[:4] - 1, targets[:4])


def test_the_parts_of_a_batch_carry_their_rows_of_everything_and_their_share() -> None:
    whole = batch_of(10)
    parts = whole.parts(3)
    assert torch.equal(torch.cat([part.images for part in parts]), whole.images)
    assert torch.equal(torch.cat([part.indices for part in parts]), whole.indices)
    assert torch.equal(torch.cat([part.more_views[0] for part in parts]), whole.more_views[0])
    assert torch.equal(torch.cat([part.clean_targets for part in parts]), whole.clean_targets)
    assert [part.share for part in parts] == [0.3, 0.3, 0.4]


def test_one_part_is_the_batch_itself() -> None:
    whole = batch_of(5)
    assert whole.parts(1) == (whole,)
    assert whole.share == 1.0


def test_the_parts_of_a_ranks_batch_have_shares_of_the_whole_step() -> None:
    parts = batch_of(4).parts(2), Batch(*[torch.zeros(4)] * 2, torch.zeros(4), 0, step_size=16).parts(2)
    assert [part.share for part in parts[1]] == [0.125, 0.125]
    assert sum(part.share for part in parts[0]) == 1.0
