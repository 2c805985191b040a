"""Rows gathered from all ranks of ``torch.distributed``, whose numbers of rows may differ."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from olsrepro.distributed.ranks import rank_count


def gathered(rows: Tensor) -> Tensor:
    """Concatenate the rows (n, ...) of all ranks, in the order of the ranks; n may differ between them.

    Every rank must call it, where ranks are initialised; it waits for the device.
    """
    if rank_count() == 1:
        return rows
    counts = _counts(rows)
    padded = rows.new_zeros(max(counts), *rows.shape[1:])
    padded[: len(rows)] = rows
    return torch.cat([part[:count] for part, count in zip(_all_gather(padded), counts, strict=True)])


def _counts(rows: Tensor) -> list[int]:
    count = torch.tensor([len(rows)], device=rows.device)
    return [int(part) for part in _all_gather(count)]


def _all_gather(tensor: Tensor) -> list[Tensor]:
    parts = [torch.empty_like(tensor) for _ in range(rank_count())]
    dist.all_gather(parts, tensor)
    return parts
