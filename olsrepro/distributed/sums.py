"""Sums over all ranks of ``torch.distributed``, without waiting for the device; with one rank nothing is done."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.distributed as dist
from torch import Tensor

from olsrepro.distributed.ranks import rank_count


def summed(tensor: Tensor) -> Tensor:
    """Sum a tensor over the ranks, without gradients; every rank must call it, with the same shape and dtype."""
    if rank_count() == 1:
        return tensor.detach()
    total = tensor.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total)
    return total


def lowest(tensor: Tensor) -> Tensor:
    """Compute the element-wise minimum of a tensor over the ranks; every rank must call it."""
    if rank_count() == 1:
        return tensor.detach()
    least = tensor.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(least, dist.ReduceOp.MIN)
    return least


def summed_by_name(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Sum tensors of one dtype over the ranks, as :func:`summed` does, all in one message."""
    if rank_count() == 1:
        return {name: tensor.detach() for name, tensor in tensors.items()}
    parts = summed(torch.cat([tensor.flatten() for tensor in tensors.values()]))
    of_each = torch.split(parts, [tensor.numel() for tensor in tensors.values()])
    return {name: part.view(old.shape) for (name, old), part in zip(tensors.items(), of_each, strict=True)}


def total_of(count: int, like: Tensor) -> Tensor:
    """Sum a number over the ranks, as a scalar of the dtype and on the device of ``like``."""
    return summed(torch.full((), count, dtype=like.dtype, device=like.device))
