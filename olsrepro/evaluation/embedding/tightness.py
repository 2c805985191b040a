"""Tightness of classes in feature space: distances within against between, silhouette, variances."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

# Distances computed at once: 8 MB in float64.
_CHUNK = 2**20
# Squared distances below this share of the squared norms are rounding errors of the product behind them.
_ROUNDING = 1e-14


@dataclass(frozen=True)
class Tightness:
    """Three measures of one set of features.

    Attributes:
        intra_over_inter: mean distance of pairs within a class over that of pairs between classes; lower is tighter.
        silhouette: mean silhouette coefficient (Rousseeuw 1987), in [-1, 1]; higher is tighter.
        within_over_between: sum of squares about the class means over that of the class means about the mean, each
            counted once per sample; lower is tighter.
    """

    intra_over_inter: float
    silhouette: float
    within_over_between: float


def tightness(features: Tensor, labels: Tensor) -> Tightness:
    """Measure float features (N, C) with labels int64 (N,) >= 0, in float64 and over all pairs; Euclidean distances.

    Raises:
        ValueError: not finite, fewer than two classes, no class with two samples, or all features the same.
    """
    places, counts = _present_classes(labels)
    _check(features, counts)
    # Centring changes no distance and reduces rounding errors.
    centred = features.double() - features.double().mean(dim=0)
    members = F.one_hot(places, len(counts)).double()
    sums = distance_sums(centred, members)
    if not sums.any():
        raise ValueError("all features are the same")
    return Tightness(
        intra_over_inter=_intra_over_inter(sums, members, counts),
        silhouette=_silhouette(sums, places, counts),
        within_over_between=_within_over_between(centred, places, members, counts),
    )


def distance_sums(features: Tensor, members: Tensor) -> Tensor:
    """Sum the distances of each sample to those of each class, float64 (N, K), in chunks of samples.

    Args:
        features: float64 (N, C); rounding is least when their mean is near 0.
        members: float64 (N, K), 1 where a sample is of a class, else 0.
    """
    norms = features.square().sum(dim=1)
    rows = max(1, _CHUNK // len(features))

    def distances(at: int) -> Tensor:
        scale = norms[at : at + rows, None] + norms
        squared = torch.addmm(scale, features[at : at + rows], features.T, alpha=-2)
        return squared.masked_fill_(squared < _ROUNDING * scale, 0).sqrt_()

    return torch.cat([distances(at) @ members for at in range(0, len(features), rows)])


def _present_classes(labels: Tensor) -> tuple[Tensor, Tensor]:
    """Renumber labels (N,) from 0 without empty classes, and return the sizes (K,) of the others."""
    sizes = torch.bincount(labels)
    present = sizes > 0
    return (present.cumsum(0) - 1)[labels], sizes[present]


def _check(features: Tensor, counts: Tensor) -> None:
    if not features.isfinite().all():
        raise ValueError("features are not finite")
    if len(counts) < 2:
        raise ValueError("all samples are of one class")
    if counts.max() < 2:
        raise ValueError("no class has two samples")


def _intra_over_inter(sums: Tensor, members: Tensor, counts: Tensor) -> float:
    same, total = counts.square().sum(), counts.sum()
    intra = (sums * members).sum() / (same - total)
    inter = (sums * (1 - members)).sum() / (total.square() - same)
    return float(intra / inter)


def _silhouette(sums: Tensor, places: Tensor, counts: Tensor) -> float:
    """Average the silhouettes: 0 for a sample alone in its class, or without any distance (as in scikit-learn)."""
    own = places[:, None]
    within = sums.gather(1, own)[:, 0] / (counts[places] - 1).clamp(min=1)
    nearest = (sums / counts).scatter(1, own, torch.inf).amin(dim=1)
    coefficients = ((nearest - within) / torch.maximum(nearest, within)).nan_to_num(0.0)
    return float(torch.where(counts[places] > 1, coefficients, 0.0).mean())


def _within_over_between(centred: Tensor, places: Tensor, members: Tensor, counts: Tensor) -> float:
    means = members.T @ centred / counts[:, None]
    within = (centred - means[places]).square().sum()
    between = (means.square().sum(dim=1) * counts).sum()
    return float(within / between)
