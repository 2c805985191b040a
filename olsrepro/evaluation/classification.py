"""Pure measures of logits: errors in percent, counts, the clean cross entropy."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class ClassificationResult:
    """Counts of a classified set: samples, true class ranked first, among the first five; mean cross entropy."""

    count: int
    hits: int
    top5_hits: int
    loss: float

    @property
    def top1_err(self) -> float:
        """Top-1 error in percent."""
        return percent_wrong(self.hits, self.count)

    @property
    def top5_err(self) -> float:
        """Top-5 error in percent."""
        return percent_wrong(self.top5_hits, self.count)


def percent_wrong(hits: int, count: int) -> float:
    """Compute 100 · (1 - hits / count), from integers."""
    return 100.0 * (count - hits) / count


def predicted(logits: Tensor) -> Tensor:
    """Return the predicted class of each row (int64), computed in fp32; the lowest index wins a tie."""
    return logits.float().argmax(dim=1)


def classify(logits: Tensor, targets: Tensor) -> ClassificationResult:
    """Measure logits (N, K) against targets (N,); with fewer than five classes the top-5 error is 0 by definition.

    Among equal logits, which half precision makes common, the lower index ranks first, as in :func:`predicted`.
    """
    top5 = logits.float().sort(dim=1, descending=True, stable=True).indices[:, :5]
    return ClassificationResult(
        count=len(targets),
        hits=int((predicted(logits) == targets).sum()),
        top5_hits=int((top5 == targets[:, None]).sum()),
        loss=float(F.cross_entropy(logits.double(), targets)),
    )


def softmax(logits: Tensor) -> Tensor:
    """Compute class probabilities, (N, K), in fp32."""
    return torch.softmax(logits.float(), dim=1)
