"""Criterion of data-distortion guided self-distillation (Xu & Liu, AAAI 2019), without its term on features."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from olsrepro.checks import check_choice, check_range, check_weights
from olsrepro.losses.criterion import check_batch, hard_cross_entropy, raised, weighted_sum
from olsrepro.losses.switches import REDUCTIONS


class DataDistortionDistillation(nn.Module):
    """Cross entropy of two distorted views of the same images, and the KL divergences between their predictions.

    ``ce_weight [CE(y, a) + CE(y, b)] + lam T^2 [KL(p_b || p_a) + KL(p_a || p_b)]`` with ``p = softmax(z / T)``, where
    the first side of a divergence is detached; the sum is symmetric in the views. Defaults follow
    winycg/Self-KD-Lib (methods/ddsgd.py), weights and temperature youngerous/ddgsd-pytorch, whose loss is
    ``scale_t2=False, detach=False, reduction="mean"``.

    Args:
        num_classes: K.
        ce_weight: weight of the sum of both cross entropies.
        lam: weight of the sum of both divergences.
        T: temperature of both sides of a divergence.
        scale_t2: multiply the divergences by T squared.
        detach: no gradient flows through the first side of a divergence.
        reduction: ``batchmean`` divides the divergences by B, ``mean`` by B and by K.

    Raises:
        ValueError: a switch is out of its range, or both weights are 0.
    """

    def __init__(
        self,
        num_classes: int,
        ce_weight: float = 1.0,
        lam: float = 1.0,
        T: float = 3.0,  # noqa: N803 - the symbol of the literature
        scale_t2: bool = True,
        detach: bool = True,
        reduction: str = "batchmean",
    ) -> None:
        super().__init__()
        check_range("num_classes", num_classes, 2)
        check_range("ce_weight", ce_weight, 0)
        check_range("lam", lam, 0)
        check_weights(ce_weight=ce_weight, lam=lam)
        check_range("T", T, 1e-6)
        check_choice("reduction", reduction, REDUCTIONS)
        self.num_classes = num_classes
        self.ce_weight = ce_weight
        self.T = T
        self.detach = detach
        divisor = num_classes if reduction == "mean" else 1
        self._kl_weight = lam * (T * T if scale_t2 else 1.0) / divisor

    def forward(self, logits: Tensor, target: Tensor, second: Tensor) -> Tensor:
        """Return the mean loss of a batch; half-precision logits are raised to fp32, under any autocast.

        Args:
            logits: (B, K), floating, of the first view.
            target: (B,), int64 class indices.
            second: (B, K), floating, of the second view of the same images.

        Raises:
            ValueError: shapes other than these, an empty batch, or (on the CPU) a target outside 0..K-1.
            TypeError: other dtypes.
        """
        check_batch(logits, target, self.num_classes)
        check_batch(second, target, self.num_classes)
        if torch.is_autocast_enabled(logits.device.type):
            with torch.autocast(logits.device.type, enabled=False):
                return self.loss(raised(logits), target, raised(second))
        return self.loss(raised(logits), target, raised(second))

    def loss(self, logits: Tensor, target: Tensor, second: Tensor) -> Tensor:
        """Return the mean loss of a checked batch in fp32 or float64; a term of weight 0 isn't computed."""
        return weighted_sum(
            (self.ce_weight, lambda: hard_cross_entropy(logits, target) + hard_cross_entropy(second, target)),
            (self._kl_weight, lambda: self.divergence(logits, second)),
        )

    def divergence(self, logits: Tensor, second: Tensor) -> Tensor:
        """Return the sum of both KL divergences at temperature T, summed over classes, batch mean, unweighted."""
        log_p, log_q = (logits / self.T).log_softmax(1), (second / self.T).log_softmax(1)
        return self._towards(log_p, log_q) + self._towards(log_q, log_p)

    def _towards(self, log_p: Tensor, taught_by: Tensor) -> Tensor:
        teacher = taught_by.detach() if self.detach else taught_by
        return F.kl_div(log_p, teacher, reduction="batchmean", log_target=True)

    def extra_repr(self) -> str:
        """Return the number of classes, for ``print``."""
        return f"num_classes={self.num_classes}"
