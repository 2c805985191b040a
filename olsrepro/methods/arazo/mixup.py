"""Partners and weights of mixup: draws addressed by (seed, epoch, sample) and (seed, epoch, step)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.special import betaincinv
from torch import Tensor

from olsrepro.distributed.gather import gathered
from olsrepro.distributed.ranks import rank_count
from olsrepro.randomness import random_bits


@dataclass(frozen=True)
class Pairs:
    """Partners of the samples of a batch; with several ranks, from the batch of all of them.

    Attributes:
        rows: int64 (B,), the partners' rows in the whole batch, in which the ranks' parts follow one another.
    """

    rows: Tensor

    def partners(self, values: Tensor) -> Tensor:
        """Return the partners' values, given the samples' values (B, ...); every rank must call it if one does."""
        return gathered(values)[self.rows]


def draw_pairs(key: int, indices: Tensor) -> Pairs:
    """Draw a random permutation of a batch, independent of its order and of how ranks share it.

    Args:
        key: an address; equal ones give equal draws.
        indices: int64 (B,), sample indices.
    """
    whole = gathered(indices)
    partner = torch.empty_like(whole)
    partner[whole.argsort()] = random_bits(key, whole).argsort()
    if rank_count() == 1:
        return Pairs(partner)
    return Pairs(partner[(whole == indices[:, None]).int().argmax(1)])


def draw_weight(key: int, alpha: float) -> float:
    """Draw a number from Beta(alpha, alpha), the same for a key on every machine; computed on the CPU."""
    uniform = (key % 2**64 >> 11) * 2.0**-53
    return float(betaincinv(alpha, alpha, uniform))


def mixed(images: Tensor, partners: Tensor, weight: float | Tensor) -> Tensor:
    """Return ``weight x + (1 - weight) x_partner``, (B, ...), with one weight for all or one for each (B,)."""
    if isinstance(weight, Tensor):
        weight = weight.to(images.dtype).view(-1, *(1 for _ in images.shape[1:]))
    return weight * images + (1 - weight) * partners


def clean_weights(noisy: Tensor, partners_noisy: Tensor) -> Tensor:
    """Compute mixing weights (B,) from the probabilities that a sample's label and its partner's are clean."""
    clean = 1 - noisy
    return clean / (clean + (1 - partners_noisy))
