"""Cross entropy with hard and with uniformly smoothed labels."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from olsrepro.checks import check_choice, check_range
from olsrepro.losses.criterion import ClassCriterion, check_targets, hard_cross_entropy, hard_nll, weighted_sum
from olsrepro.losses.switches import SPREADS


class HardLabel(ClassCriterion):
    """Cross entropy with the given labels (paper Eq. 1)."""

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean of ``-log p[y]``."""
        return hard_cross_entropy(logits, target)

    def targets(self, classes: Tensor) -> Tensor:
        """Return the label distributions (B, K), fp32, of classes (B,) int64."""
        check_targets(classes, self.num_classes)
        return F.one_hot(classes, self.num_classes).float()


class LabelSmoothing(ClassCriterion):
    """Cross entropy with ``1 - eps`` on the label and ``eps`` spread evenly (paper Eq. 2).

    Args:
        num_classes: K.
        eps: the share that is spread, in [0, 1].
        spread: over ``all`` classes, the true one included (paper; authors' code, cifar/scripts/loss_all_methods.py),
            or over the ``others`` only (yuanli2333/Teacher-free-Knowledge-Distillation, my_loss_function.py).

    Raises:
        ValueError: a switch is out of its range.
    """

    def __init__(self, num_classes: int, eps: float = 0.1, spread: str = "all") -> None:
        super().__init__(num_classes)
        check_range("eps", eps, 0, 1)
        check_choice("spread", spread, SPREADS)
        self.eps = eps
        self.spread = spread
        self._even = eps if spread == "all" else eps * num_classes / (num_classes - 1)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return ``1 - eps`` of the hard loss plus ``eps`` of the mean over classes; bit for bit hard at ``eps`` 0."""
        log_p = logits.log_softmax(1)
        return weighted_sum(
            (1 - self._even, lambda: hard_nll(log_p, target)),
            (self._even, lambda: -log_p.mean()),
        )

    def targets(self, classes: Tensor) -> Tensor:
        """Return the label distributions (B, K), fp32, of classes (B,) int64."""
        check_targets(classes, self.num_classes)
        return (1 - self._even) * F.one_hot(classes, self.num_classes).float() + self._even / self.num_classes
