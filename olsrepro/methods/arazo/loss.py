"""Losses of mixed images, from log probabilities (B, K): pure, batch means."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from olsrepro.distributed.gather import gathered
from olsrepro.distributed.ranks import rank_count
from olsrepro.losses.criterion import weighted_sum


class Labels(NamedTuple):
    """Given and guessed labels of samples, and the probability that the given ones are wrong.

    Attributes:
        targets: int64 (B,), given labels.
        guesses: the network's own labels, int64 (B,) or probabilities (B, K).
        noisy: (B,), the probability that the given label is wrong.
    """

    targets: Tensor
    guesses: Tensor
    noisy: Tensor


def bootstrapped(log_p: Tensor, labels: Labels) -> Tensor:
    """Return ``mean[(1 - B) CE(h, y) + B CE(h, z)]`` with each sample's own B."""
    noisy = labels.noisy.to(log_p.dtype)
    given = F.nll_loss(log_p, labels.targets, reduction="none")
    return ((1 - noisy) * given + noisy * _towards(labels.guesses, log_p)).mean()


def mixed_bootstrap(log_p: Tensor, labels: Labels, partners: Labels, weight: float) -> Tensor:
    """Return the weighted sum of the bootstrapped losses of the samples and of their partners."""
    return weight * bootstrapped(log_p, labels) + (1 - weight) * bootstrapped(log_p, partners)


def mixed_cross_entropy(log_p: Tensor, targets: Tensor, partners_targets: Tensor, weight: float) -> Tensor:
    """Return ``weight CE(h, y) + (1 - weight) CE(h, y_partner)``."""
    return weight * F.nll_loss(log_p, targets) + (1 - weight) * F.nll_loss(log_p, partners_targets)


def regularised(loss: Tensor, log_p: Tensor, reg_weight: float) -> Tensor:
    """Add the regulariser to a loss; at weight 0 it isn't computed."""
    return weighted_sum((1, lambda: loss), (reg_weight, lambda: prior_divergence(mean_prediction(log_p))))


def mean_prediction(log_p: Tensor) -> Tensor:
    """Compute the logarithm (K,) of the batch mean of the predictions.

    With several ranks its value is that of the whole batch, its gradient that of the rank's part, so that gradients
    weighted by the ranks' shares add up to the whole batch's.
    """
    count = math.log(len(log_p))
    mean = log_p.logsumexp(0) - count
    if rank_count() == 1:
        return mean
    own = mean.detach()
    sums = gathered(torch.cat([own + count, own.new_tensor([count])])[None]).logsumexp(0)
    whole = sums[:-1] - sums[-1]
    return whole + (own - whole).exp() * (mean - own)


def prior_divergence(log_mean: Tensor) -> Tensor:
    """Compute ``R = sum_c (1/K) ln((1/K) / mean_c)``, the divergence of the mean prediction (K,) from uniform."""
    return -math.log(len(log_mean)) - log_mean.mean()


def _towards(guesses: Tensor, log_p: Tensor) -> Tensor:
    """Compute the cross entropy (B,) with classes (B,) or probabilities (B, K)."""
    if guesses.ndim == 1:
        return F.nll_loss(log_p, guesses, reduction="none")
    return -(guesses.to(log_p.dtype) * log_p).sum(1)
