"""Losses of BYOT that distil the deepest head into the side heads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch.nn.functional as F
from torch import Tensor

from olsrepro.losses.criterion import cross_entropy, weighted_sum
from olsrepro.methods.head_losses import hard_loss


def logit_kd(logits: Sequence[Tensor], target: Tensor, alpha: float, temperature: float) -> Tensor:
    """Return ``(1 - alpha) sum_i CE(y, z_i) + alpha T^2 D``, D the distillation, z0 its teacher.

    Source: luanyunteng/pytorch-be-your-own-teacher, ``train.py``, without its feature hint.

    Args:
        logits: z_i, each (B, K), deepest first.
        target: y, (B,) int64.
        alpha: share of the distillation.
        temperature: T.
    """
    return weighted_sum(
        (1 - alpha, lambda: hard_loss(logits, target, [1.0] * len(logits))),
        (alpha * temperature**2, lambda: distillation(logits, temperature)),
    )


def journal(logits: Sequence[Tensor], target: Tensor, lam: float, temperature: float) -> Tensor:
    """Return ``CE(y, z0) + (1 - lam) sum_{i >= 1} CE(y, z_i) + lam D``; arguments as for :func:`logit_kd`.

    Source: ArchipLab-LinfengZhang/pytorch-self-distillation-final, ``train.py``, without its feature loss.
    """
    main, *sides = logits
    return weighted_sum(
        (1.0, lambda: F.cross_entropy(main, target)),
        (1 - lam, lambda: hard_loss(sides, target, [1.0] * len(sides))),
        (lam, lambda: distillation(logits, temperature)),
    )


def distillation(logits: Sequence[Tensor], temperature: float) -> Tensor:
    """Return ``D = sum_{i >= 1} CE(softmax(z0 / T), z_i / T)``, a scalar without gradient for z0."""
    main, *sides = logits
    teacher = (main.detach() / temperature).softmax(1)
    return weighted_sum(*((1.0, partial(_taught, z, teacher, temperature)) for z in sides))


def _taught(logits: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    return cross_entropy(teacher, (logits / temperature).log_softmax(1))
