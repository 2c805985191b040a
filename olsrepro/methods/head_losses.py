"""Losses over several heads, each the batch mean; a term of weight 0 isn't computed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch.nn.functional as F
from torch import Tensor

from olsrepro.losses.criterion import cross_entropy, weighted_sum


def hard_loss(logits: Sequence[Tensor], target: Tensor, weights: Sequence[float]) -> Tensor:
    """Return ``sum_i w_i CE(y, z_i)``.

    Args:
        logits: z_i, each (B, K), fp32 or float64.
        target: y, (B,) int64.
        weights: w_i, one per head, not all of them 0.
    """
    return weighted_sum(
        *((weight, partial(F.cross_entropy, z, target)) for z, weight in zip(logits, weights, strict=True))
    )


def softened_loss(
    logits: Sequence[Tensor],
    target: Tensor,
    labels: Tensor,
    hard_weights: Sequence[float],
    soft_weights: Sequence[float],
) -> Tensor:
    """Return ``sum_i h_i CE(y, z_i) + s_i CE(S[y], z_i)``.

    Args:
        logits: z_i, each (B, K), fp32 or float64.
        target: y, (B,) int64.
        labels: S[y], (B, K), constants.
        hard_weights: h_i, one per head.
        soft_weights: s_i, one per head; not all of both are 0.
    """
    weighed = zip(logits, hard_weights, soft_weights, strict=True)
    heads = [(z, hard, soft) for z, hard, soft in weighed if hard or soft]
    return weighted_sum(*((1.0, partial(_head_loss, z, target, labels, hard, soft)) for z, hard, soft in heads))


def _head_loss(logits: Tensor, target: Tensor, labels: Tensor, hard: float, soft: float) -> Tensor:
    log_p = logits.log_softmax(1)
    return weighted_sum(
        (hard, lambda: F.nll_loss(log_p, target)),
        (soft, lambda: cross_entropy(labels.to(log_p.dtype), log_p)),
    )
