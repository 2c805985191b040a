"""Orders of samples, drawn by address: an epoch's, and for each sample another one of its class."""

from __future__ import annotations

import torch
from torch import Tensor

from olsrepro.randomness import address, integers, permutation


def classmates(targets: Tensor, key: int) -> Tensor:
    """Draw another sample of the same class for every sample, by index; a sample alone in its class gets itself.

    Args:
        targets: int64 (N,), the given labels.
        key: an address; equal ones give equal draws.

    Returns:
        Int64 (N,), each uniform over the N_c - 1 others of the class.
    """
    samples = torch.arange(len(targets), device=targets.device)
    by_class = torch.argsort(targets, stable=True)
    sizes = torch.bincount(targets)
    first = sizes.cumsum(0) - sizes
    others = sizes[targets] - 1
    place = torch.empty_like(samples)
    place[by_class] = samples  # where a sample stands among all, sorted by class
    step = 1 + integers(key, samples, 0, others.clamp(min=1))
    within = (place - first[targets] + torch.where(others > 0, step, 0)) % sizes[targets]
    return by_class[first[targets] + within]


def draw_order(count: int, seed: int, epoch: int, device: torch.device | str) -> Tensor:
    """Draw the sample indices, int64 (N,), in the order in which an epoch takes them."""
    return permutation(address(seed, "order", epoch), count, device)


def order_without(held_out: Tensor | None, order: Tensor) -> Tensor:
    """Drop the samples that are held out (int64, on its device), if any are, from an order of all samples (N,)."""
    if held_out is None:
        return order
    kept = torch.ones(len(order), dtype=torch.bool, device=order.device)
    kept[held_out] = False
    return order[kept[order]]
