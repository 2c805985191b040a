"""Confidence against accuracy, bin by bin (Guo et al. 2017): what a reliability diagram shows and the ECE sums up."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from olsrepro.evaluation.classification import predicted, softmax


@dataclass(frozen=True)
class Reliability:
    """Sums over the samples of each bin; bin j holds the confidences in (j / bins, (j + 1) / bins].

    Attributes:
        count: int64 (bins,), samples.
        hits: float64 (bins,), samples that were right.
        confidence: float64 (bins,), sum of the confidences.
        surplus: float64 (bins,), sum of (1 if right, else 0) - confidence.
    """

    count: Tensor
    hits: Tensor
    confidence: Tensor
    surplus: Tensor

    @property
    def ece(self) -> float:
        """Expected calibration error in percent: Σ share of a bin · abs(its accuracy - its mean confidence)."""
        return 100 * float(self.surplus.abs().sum() / self.count.sum())

    @property
    def signed_gap(self) -> float:
        """Accuracy - mean confidence in percent, over all samples: below 0 is over-, above 0 under-confident."""
        return 100 * float(self.surplus.sum() / self.count.sum())

    def diagram(self) -> dict[str, list[float | None]]:
        """Return each bin's upper edge, count, accuracy and mean confidence in [0, 1], None where a bin is empty."""
        return {
            "upper_edge": upper_edges(len(self.count)).tolist(),
            "count": self.count.tolist(),
            "accuracy": _means(self.hits, self.count),
            "confidence": _means(self.confidence, self.count),
        }


def _means(sums: Tensor, count: Tensor) -> list[float | None]:
    return [total / size if size else None for total, size in zip(sums.tolist(), count.tolist(), strict=True)]


def upper_edges(bins: int) -> Tensor:
    """Return the upper edges 1 / bins, 2 / bins, ..., 1 of equal bins on (0, 1]: float64 (bins,)."""
    return torch.arange(1, bins + 1, dtype=torch.float64) / bins


def reliability(confidence: Tensor, correct: Tensor, bins: int) -> Reliability:
    """Sort samples into equal, right-closed bins: a confidence on an edge belongs below it, exactly 1 to the last bin.

    Edges are rounded to the confidences' dtype, so that 0.6 in fp32 is on the edge 9/15 too (as in Guo et al.'s code).

    Args:
        confidence: floating (N,), in (0, 1].
        correct: (N,), bool or 0 and 1.
        bins: how many.
    """
    places = torch.bucketize(confidence, upper_edges(bins)[:-1].to(confidence))
    confidence, correct = confidence.double(), correct.double()

    def sums(values: Tensor) -> Tensor:
        return torch.bincount(places, weights=values, minlength=bins)

    return Reliability(
        count=torch.bincount(places, minlength=bins),
        hits=sums(correct),
        confidence=sums(confidence),
        surplus=sums(correct - confidence),
    )


def reliability_of(logits: Tensor, targets: Tensor, bins: int) -> Reliability:
    """Sort samples by confidence, the largest softmax probability of logits (N, K) at temperature 1; targets (N,)."""
    return reliability(softmax(logits).amax(dim=1), predicted(logits) == targets, bins)
