"""Rows of a batch that a rank trains on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def rows_of_part(count: int, part: int, parts: int, *, in_pairs: bool = False) -> Tensor:
    """Return the rows, int64, of the ``part``-th of ``parts`` near-equal parts of a batch of ``count``, in order.

    In pairs, a part takes some rows of the batch's left half and the same of its right half, so that the pairs
    ``(i, count - count // 2 + i)`` stay together; the middle row of an odd batch, in no pair, is in the middle of the
    last part.
    """
    if not in_pairs:
        return torch.arange(count * part // parts, count * (part + 1) // parts)
    half = count // 2
    left = torch.arange(half * part // parts, half * (part + 1) // parts)
    middle = torch.arange(half, count - half) if part == parts - 1 else left[:0]
    return torch.cat([left, middle, count - half + left])


@dataclass(frozen=True)
class Shard:
    """One rank's share of every batch."""

    rank: int = 0
    ranks: int = 1
    in_pairs: bool = False

    def rows(self, count: int) -> Tensor:
        """Return this rank's rows, int64, of a batch of ``count``."""
        return rows_of_part(count, self.rank, self.ranks, in_pairs=self.in_pairs)

    def of_samples(self, count: int) -> slice:
        """Return this rank's share of ``count`` consecutive samples, as a test splits them."""
        return slice(count * self.rank // self.ranks, count * (self.rank + 1) // self.ranks)
