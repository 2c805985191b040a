"""Symmetric cross entropy (Wang et al., "Symmetric cross entropy for robust learning with noisy labels", 2019)."""

from __future__ import annotations

import math

from torch import Tensor

from olsrepro.checks import check_choice, check_range, check_weights
from olsrepro.losses.criterion import Criterion, hard_nll, weighted_sum
from olsrepro.losses.switches import SCE_VARIANTS

_P_FLOOR = 1e-7
_LABEL_FLOOR = 1e-4


class SymmetricCrossEntropy(Criterion):
    """``alpha`` times cross entropy plus ``beta`` times reverse cross entropy.

    Variants: ``authors`` (authors' code, cifar/scripts/loss_all_methods.py) computes the cross entropy with the one-hot
    label clipped to [1e-4, 1] and p clipped to [1e-7, 1]; ``original``
    (YisenWang/symmetric_cross_entropy_for_noisy_labels, loss.py) with the plain one-hot label, p clipped there but not
    in the reverse term; ``logits`` (HanxunH/SCELoss-Reproduce, loss.py) by log-softmax, p clipped in the reverse term.

    Args:
        num_classes: K.
        alpha: weight of the cross entropy; 6.0 for CIFAR-100, 0.1 for CIFAR-10.
        beta: weight of the reverse cross entropy; 0.1 for CIFAR-100, 1.0 for CIFAR-10.
        variant: one of ``authors``, ``original``, ``logits``.

    Raises:
        ValueError: a switch is out of its range, or both weights are 0.
    """

    def __init__(self, num_classes: int, alpha: float = 6.0, beta: float = 0.1, variant: str = "authors") -> None:
        super().__init__(num_classes)
        check_range("alpha", alpha, 0)
        check_range("beta", beta, 0)
        check_weights(alpha=alpha, beta=beta)
        check_choice("variant", variant, SCE_VARIANTS)
        self.alpha = alpha
        self.beta = beta
        self.variant = variant

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return ``alpha CE + beta RCE``; a term of weight 0 isn't computed."""
        log_p = logits.log_softmax(1)
        return weighted_sum(
            (self.alpha, lambda: self._forward_term(log_p, target)),
            (self.beta, lambda: self._reverse_term(log_p, target)),
        )

    def _forward_term(self, log_p: Tensor, target: Tensor) -> Tensor:
        if self.variant == "logits":
            return hard_nll(log_p, target)
        clipped = log_p.clamp(min=math.log(_P_FLOOR))
        hard = hard_nll(clipped, target)
        if self.variant == "original":
            return hard
        # Every wrong class of the clipped one-hot label has weight 1e-4 too.
        return (1 - _LABEL_FLOOR) * hard - _LABEL_FLOOR * clipped.sum(1).mean()

    def _reverse_term(self, log_p: Tensor, target: Tensor) -> Tensor:
        p = log_p.exp()
        if self.variant != "original":
            p = p.clamp(min=_P_FLOOR)
        wrong = p.scatter(1, target[:, None], 0.0)
        return -math.log(_LABEL_FLOOR) * wrong.sum(1).mean()
