"""Partners of samples: pure draws, addressed by (seed, epoch, sample index)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from olsrepro.randomness import integers

NONE = -1
"""Value for "no partner" and for "no candidate"."""


class Candidates(NamedTuple):
    """Samples that may be partners, by class.

    Attributes:
        samples: int64 (N,), sample indices: the candidates of class 0 in ascending order, then those of class 1, and
            so on; after them the samples that are not candidates.
        starts: int64 (K,), positions in ``samples`` at which the candidates of a class begin.
        counts: int64 (K,), numbers of candidates of a class.
        places: int64 (N,), number of candidates of its class before a sample; :data:`NONE` if it isn't a candidate.
    """

    samples: Tensor
    starts: Tensor
    counts: Tensor
    places: Tensor


def list_candidates(labels: Tensor, eligible: Tensor, num_classes: int) -> Candidates:
    """List the eligible samples by class (waits for the device, so for an epoch's end).

    Args:
        labels: int64 (N,), the class of each sample; any number if it isn't eligible.
        eligible: bool (N,), whether a sample is a candidate.
        num_classes: K.
    """
    group = torch.where(eligible, labels, num_classes)
    samples = group.argsort(stable=True)
    counts = group.bincount(minlength=num_classes + 1)
    starts = counts.cumsum(0) - counts
    at = torch.empty_like(samples)
    at[samples] = torch.arange(len(samples), device=samples.device)
    places = torch.where(eligible, at - starts[group], NONE)
    return Candidates(samples, starts[:num_classes], counts[:num_classes], places)


def draw_partners(
    candidates: Candidates, key: int, indices: Tensor, targets: Tensor, *, exclude_self: bool = True
) -> Tensor:
    """Draw a partner for each sample of a batch, uniform over its class's candidates; nothing waits for the device.

    Args:
        candidates: of the whole training set.
        key: an address; equal ones give equal draws.
        indices: int64 (B,), sample indices.
        targets: int64 (B,), their classes.
        exclude_self: a candidate doesn't draw itself, unless it is the only one of its class.

    Returns:
        Int64 (B,) sample indices; :data:`NONE` if the class has no candidate.
    """
    count, own = candidates.counts[targets], candidates.places[indices]
    passes = (count > 1) & (own >= 0) & exclude_self
    place = integers(key, indices, 0, (count - passes.long()).clamp(min=1))
    place = place + (passes & (place >= own)).long()
    at = (candidates.starts[targets] + place).clamp(max=len(candidates.samples) - 1)
    return torch.where(count > 0, candidates.samples[at], NONE)


def draw_partners_in_batch(
    key: int, indices: Tensor, targets: Tensor, eligible: Tensor, *, exclude_self: bool = True
) -> Tensor:
    """Draw a partner within the batch for each sample, whatever the batch's order; nothing waits for the device.

    Args:
        key: an address; equal ones give equal draws.
        indices: int64 (B,), sample indices.
        targets: int64 (B,), their classes.
        eligible: bool (B,), whether a sample may be a partner.
        exclude_self: no sample is its own partner.

    Returns:
        Int64 (B,), the partner's row in the batch; :data:`NONE` if the batch has no candidate.
    """
    order = indices.argsort()
    can = (targets[:, None] == targets[order]) & eligible[order]
    if exclude_self:
        can &= indices[:, None] != indices[order]
    passed = can.cumsum(1)
    count = passed[:, -1]
    place = integers(key, indices, 0, count.clamp(min=1))
    at = (passed <= place[:, None]).sum(1).clamp(max=len(order) - 1)
    return torch.where(count > 0, order[at], NONE)


def rows_or_uniform(predictions: Tensor, partners: Tensor, dtype: torch.dtype) -> Tensor:
    """Return soft labels (B, K): the partner's row of ``predictions`` (N, K), uniform if it is :data:`NONE`."""
    rows = predictions.index_select(0, partners.clamp(min=0)).to(dtype)
    return torch.where((partners != NONE)[:, None], rows, 1 / predictions.shape[1])
