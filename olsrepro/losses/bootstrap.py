"""Bootstrapping (Reed et al., "Training deep neural networks on noisy labels with bootstrapping", 2014)."""

from __future__ import annotations

import math

from torch import Tensor

from olsrepro.checks import check_range
from olsrepro.losses.criterion import Criterion, cross_entropy, hard_nll, weighted_sum


class _Bootstrap(Criterion):
    def __init__(self, num_classes: int, beta: float, clamp: float) -> None:
        super().__init__(num_classes)
        check_range("beta", beta, 0, 1)
        check_range("clamp", clamp, 0, 0.5)
        self.beta = beta
        self.clamp = clamp

    def _clipped(self, log_p: Tensor) -> Tensor:
        return log_p.clamp(math.log(self.clamp), math.log1p(-self.clamp)) if self.clamp else log_p


class SoftBootstrap(_Bootstrap):
    """Cross entropy with ``beta`` of the label and ``1 - beta`` of the network's own prediction.

    The authors' code (cifar/scripts/loss_all_methods.py) clips probabilities to [clamp, 1 - clamp] and lets the
    gradient flow through the prediction inside the target; vfdev-5/BootstrappingLoss detaches it. A clipped entry has
    no gradient: with the default clamp, a sample that is wrong by more than about 16 nats gets none at all.

    Args:
        num_classes: K.
        beta: share of the label, in [0, 1].
        detach: treat the prediction inside the target as a constant.
        clamp: probabilities are clipped this far from 0 and 1; 0 leaves them unchanged.

    Raises:
        ValueError: a switch is out of its range.
    """

    def __init__(self, num_classes: int, beta: float = 0.95, detach: bool = False, clamp: float = 1e-7) -> None:
        super().__init__(num_classes, beta, clamp)
        self.detach = detach

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return ``beta CE(y, z) + (1 - beta) H(p)``."""
        log_p = logits.log_softmax(1)
        clipped = self._clipped(log_p)
        return weighted_sum(
            (self.beta, lambda: hard_nll(clipped, target)),
            (1 - self.beta, lambda: cross_entropy(self._own_labels(log_p), clipped)),
        )

    def _own_labels(self, log_p: Tensor) -> Tensor:
        p = (log_p.detach() if self.detach else log_p).exp()
        return p.clamp(self.clamp, 1 - self.clamp) if self.clamp else p


class HardBootstrap(_Bootstrap):
    """Cross entropy with ``beta`` of the label and ``1 - beta`` of the predicted class (ties: the lowest index).

    Constants are the authors' code's (cifar/scripts/loss_all_methods.py). Clipping acts as in :class:`SoftBootstrap`.

    Args:
        num_classes: K.
        beta: share of the label, in [0, 1].
        clamp: probabilities are clipped this far from 0 and 1; 0 leaves them unchanged.

    Raises:
        ValueError: a switch is out of its range.
    """

    def __init__(self, num_classes: int, beta: float = 0.8, clamp: float = 1e-7) -> None:
        super().__init__(num_classes, beta, clamp)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return ``beta CE(y, z) + (1 - beta) CE(argmax z, z)``."""
        clipped = self._clipped(logits.log_softmax(1))
        return weighted_sum(
            (self.beta, lambda: hard_nll(clipped, target)),
            (1 - self.beta, lambda: hard_nll(clipped, logits.argmax(1))),
        )
