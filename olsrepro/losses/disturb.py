"""DisturbLabel (Xie et al., "DisturbLabel: Regularizing CNN on the loss layer", 2016)."""

from __future__ import annotations

import torch
from torch import Tensor

from olsrepro.checks import check_range
from olsrepro.losses.criterion import Criterion, check_batch, hard_cross_entropy

Draws = tuple[Tensor, Tensor]


class DisturbLabel(Criterion):
    """Cross entropy with labels that are redrawn from all classes with probability ``alpha``.

    A label thus becomes another one with probability ``threshold = alpha (K - 1) / K`` (the form of the authors' code,
    cifar/scripts/loss_all_methods.py), in training mode only; evaluation uses the given labels.

    Args:
        num_classes: K.
        alpha: probability that a label is redrawn, in [0, 1].

    Raises:
        ValueError: a switch is out of its range.
    """

    def __init__(self, num_classes: int, alpha: float = 0.1) -> None:
        super().__init__(num_classes)
        check_range("alpha", alpha, 0, 1)
        self.alpha = alpha
        self.threshold = alpha * (num_classes - 1) / num_classes

    def forward(self, logits: Tensor, target: Tensor, *, draws: Draws | None = None) -> Tensor:
        """Return the mean loss of a batch with disturbed labels.

        Args:
            logits: (B, K), floating.
            target: (B,), int64 class indices.
            draws: ``u`` (B,) in [0, 1) and ``shift`` (B,) in 1..K-1, on the target's device; None draws both from
                torch's generator.

        Raises:
            ValueError: shapes other than these, an empty batch, or (on the CPU) a target outside 0..K-1.
            TypeError: other dtypes.
        """
        check_batch(logits, target, self.num_classes)
        if self.training and self.threshold > 0:
            target = self.disturbed(target, *(self._draw(target) if draws is None else draws))
        return super().forward(logits, target)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean of ``-log p[y]`` for the labels as they are passed in."""
        return hard_cross_entropy(logits, target)

    def disturbed(self, target: Tensor, u: Tensor, shift: Tensor) -> Tensor:
        """Return disturbed labels (B,): ``(y + shift) mod K`` where ``u < threshold``, else ``y``.

        A target that is no class stays what it is, for the loss to refuse.

        Raises:
            ValueError: the draws have another shape than the target.
            TypeError: the shift isn't int64.
        """
        if u.shape != target.shape or shift.shape != target.shape:
            raise ValueError(f"draws must have the target's shape {tuple(target.shape)}, got {u.shape}, {shift.shape}")
        if shift.dtype != torch.int64:
            raise TypeError(f"shift must be int64, got {shift.dtype}")
        is_class = (target >= 0) & (target < self.num_classes)
        return torch.where((u < self.threshold) & is_class, (target + shift) % self.num_classes, target)

    def _draw(self, target: Tensor) -> Draws:
        return torch.rand(target.shape, device=target.device), torch.randint_like(target, 1, self.num_classes)
