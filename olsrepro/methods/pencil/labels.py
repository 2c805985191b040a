"""Labels and losses of PENCIL as pure functions (Yi and Wu, CVPR 2019; forms by yikun2019/PENCIL).

A label is a row of scores (K,); its distribution is the softmax of them. The divergence and the entropy are means over
samples *and* classes, as in the authors' code; the compatibility is a mean over samples.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from olsrepro.losses.criterion import weighted_sum


def first_scores(targets: Tensor, num_classes: int, scale: float, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the scores (B, K) of given labels (B,): ``scale`` for the given class, 0 for the others."""
    scores = torch.zeros(len(targets), num_classes, dtype=dtype, device=targets.device)
    return scores.scatter_(1, targets[:, None], scale)


def divergence(log_p: Tensor, label_scores: Tensor) -> Tensor:
    """Compute the divergence KL(p || label) / K from log probabilities (B, K) and label scores (B, K)."""
    return (log_p.exp() * (log_p - label_scores.log_softmax(1))).mean()


def entropy(log_p: Tensor) -> Tensor:
    """Compute the entropy of predictions with log probabilities (B, K), divided by K."""
    return -(log_p.exp() * log_p).mean()


def compatibility(label_scores: Tensor, targets: Tensor, form: str) -> Tensor:
    """Compute the distance of labels (B, K) from given ones (B,): ``paper``, or ``official_code``, a second softmax."""
    if form == "paper":
        return F.nll_loss(label_scores.log_softmax(1), targets)
    return F.cross_entropy(label_scores.softmax(1), targets)


def correction_loss(
    logits: Tensor, label_scores: Tensor, targets: Tensor, *, alpha: float, beta: float, compat: str
) -> Tensor:
    """Compute the loss of stage 2, which trains both the network and the labels.

    Args:
        logits: (B, K).
        label_scores: (B, K), current scores of the samples.
        targets: int64 (B,), given labels.
        alpha, beta: weights of compatibility and entropy.
        compat: form of the compatibility.
    """
    log_p = logits.log_softmax(1)
    return weighted_sum(
        (1, lambda: divergence(log_p, label_scores)),
        (alpha, lambda: compatibility(label_scores, targets, compat)),
        (beta, lambda: entropy(log_p)),
    )


def moved(label_scores: Tensor, gradient: Tensor, lam: float) -> Tensor:
    """Return the scores after a step of size ``lam`` against the gradient of the loss, all of one shape."""
    return label_scores - lam * gradient
