"""Teacher-free knowledge distillation with a virtual teacher (Yuan et al., 2020), its regularisation form."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from olsrepro.checks import check_choice, check_range, check_weights
from olsrepro.losses.criterion import Criterion, hard_cross_entropy, weighted_sum
from olsrepro.losses.switches import REDUCTIONS


class TeacherFreeRegularization(Criterion):
    """``1 - alpha`` of cross entropy and ``alpha * multiplier`` of the KL divergence to a virtual teacher.

    The teacher puts ``correct_prob`` on the right class and spreads the rest evenly over the others, and this
    distribution goes through a softmax of temperature T as if it were logits. Defaults follow the released code
    (yuanli2333/Teacher-free-Knowledge-Distillation, my_loss_function.py; constants of its CIFAR-100 ResNet-18); the
    formula of that paper is ``student_temperature=True, reduction="batchmean", multiplier=1``.

    Args:
        num_classes: K.
        alpha: share of the teacher, in [0, 1].
        T: temperature.
        multiplier: factor on the teacher's term.
        correct_prob: probability that the teacher gives to the right class, in [0, 1].
        student_temperature: divide the student's logits by T too.
        reduction: ``mean`` divides the divergence by B and by K, ``batchmean`` by B.
        scale_t2: multiply the teacher's term by T squared.

    Raises:
        ValueError: a switch is out of its range, or both weights are 0.
    """

    def __init__(
        self,
        num_classes: int,
        alpha: float = 0.1,
        T: float = 20.0,  # noqa: N803 - the symbol of the literature
        multiplier: float = 100.0,
        correct_prob: float = 0.99,
        student_temperature: bool = False,
        reduction: str = "mean",
        scale_t2: bool = False,
    ) -> None:
        super().__init__(num_classes)
        check_range("alpha", alpha, 0, 1)
        check_range("T", T, 1e-6)
        check_range("multiplier", multiplier, 0)
        check_range("correct_prob", correct_prob, 0, 1)
        check_choice("reduction", reduction, REDUCTIONS)
        check_weights(**{"1 - alpha": 1 - alpha, "alpha * multiplier": alpha * multiplier})
        self.alpha = alpha
        self.T = T
        self.correct_prob = correct_prob
        self.student_temperature = student_temperature
        self._teacher_weight = alpha * multiplier * (T * T if scale_t2 else 1.0)
        self._divisor = num_classes if reduction == "mean" else 1

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return ``(1 - alpha) CE(y, z) + alpha m KL(v || z)``; with ``alpha`` 0, bit for bit the hard loss."""
        return weighted_sum(
            (1 - self.alpha, lambda: hard_cross_entropy(logits, target)),
            (self._teacher_weight / self._divisor, lambda: self._divergence(logits, target)),
        )

    def teacher(self, target: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the virtual teacher's distributions v, (B, K)."""
        others = (1 - self.correct_prob) / (self.num_classes - 1)
        flat = torch.full((len(target), self.num_classes), others, dtype=dtype, device=target.device)
        return flat.scatter_(1, target[:, None], self.correct_prob).div_(self.T).softmax(1)

    def _divergence(self, logits: Tensor, target: Tensor) -> Tensor:
        student = logits / self.T if self.student_temperature else logits
        return F.kl_div(student.log_softmax(1), self.teacher(target, logits.dtype), reduction="batchmean")
