"""Which rows of a batch a rank trains on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def rows_of_part(count: int, part: int, parts: int, *, in_pairs: bool = False) -> Tensor:
    """The rows of a batch of ``count``, int64, that are the ``part``-th of ``parts`` near-equal ones, in order.

    In pairs the part is one of the batch's left half and the same of its right half, so that the pairs
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
        """The rows, int64, of a batch of ``count`` that are this rank's."""
        return rows_of_part(count, self.rank, self.ranks, in_pairs=self.in_pairs)

    def of_samples(self, count: int) -> slice:
        """This rank's share of ``count`` samples in a row, as a test splits them."""
        return slice(count * self.rank // self.ranks, count * (self.rank + 1) // self.ranks)
