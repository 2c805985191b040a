"""Knowledge distillation from given teacher logits, in the form of Tf-KD's self training (Yuan et al., 2020)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from olsrepro.checks import check_choice, check_range, check_weights
from olsrepro.losses.criterion import Criterion, check_batch, hard_cross_entropy, raised, weighted_sum
from olsrepro.losses.switches import REDUCTIONS


class SelfDistillation(Criterion):
    """``(1 - alpha) CE(y, z) + alpha m T² KL(softmax(t / T) || softmax(z / T))`` for the teacher's logits t.

    The teacher's logits are constants. Defaults follow the released code (my_loss_function.py of
    yuanli2333/Teacher-free-Knowledge-Distillation; constants of its ResNet-18 on CIFAR-100).

    Args:
        num_classes: K.
        alpha: share of the teacher, in [0, 1].
        T: temperature of teacher and student.
        multiplier: factor m on the teacher's term.
        reduction: ``mean`` divides the divergence by B and by K, ``batchmean`` by B.

    Raises:
        ValueError: a switch is out of its range, or both weights are 0.
    """

    def __init__(
        self,
        num_classes: int,
        alpha: float = 0.95,
        T: float = 6.0,  # noqa: N803 - the symbol of the literature
        multiplier: float = 50.0,
        reduction: str = "mean",
    ) -> None:
        super().__init__(num_classes)
        check_range("alpha", alpha, 0, 1)
        check_range("T", T, 1e-6)
        check_range("multiplier", multiplier, 0)
        check_choice("reduction", reduction, REDUCTIONS)
        check_weights(**{"1 - alpha": 1 - alpha, "alpha * multiplier": alpha * multiplier})
        self.alpha = alpha
        self.T = T
        self._teacher_weight = alpha * multiplier * T * T / (num_classes if reduction == "mean" else 1)

    def forward(self, logits: Tensor, target: Tensor, teacher_logits: Tensor) -> Tensor:  # type: ignore[override]
        """Return the mean loss of a batch.

        Args:
            logits: (B, K), floating.
            target: (B,), int64 class indices.
            teacher_logits: (B, K), floating.

        Raises:
            ValueError: shapes other than these, an empty batch, or (on the CPU) a target outside 0..K-1.
            TypeError: other dtypes.
        """
        check_batch(logits, target, self.num_classes)
        check_batch(teacher_logits, target, self.num_classes)
        with torch.autocast(logits.device.type, enabled=False):
            z, t = raised(logits), raised(teacher_logits.detach())
            return weighted_sum(
                (1 - self.alpha, lambda: hard_cross_entropy(z, target)),
                (self._teacher_weight, lambda: self._divergence(z, t)),
            )

    def _divergence(self, logits: Tensor, teacher_logits: Tensor) -> Tensor:
        # float64: at a high temperature the logarithms nearly cancel, and the remainder is multiplied by hundreds.
        student, taught = ((z.double() / self.T).log_softmax(1) for z in (logits, teacher_logits))
        return F.kl_div(student, taught, reduction="batchmean", log_target=True).to(logits.dtype)
