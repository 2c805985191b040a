"""Comparison of the other classes in a class's soft label: animals with vehicles, and with people's order of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_LEAST = 1e-12


def mean_ratio(row: Tensor, animals: Sequence[int], vehicles: Sequence[int]) -> float:
    """Divide the mean label of the animals by that of the vehicles, for a soft label (K,).

    Means below 1e-12 count as 1e-12: a hard label, which is 0 everywhere but at its class, has the ratio 1.
    """
    above, below = (row.double()[list(group)].mean().clamp(min=_LEAST) for group in (animals, vehicles))
    return float(above / below)


def all_above(row: Tensor, animals: Sequence[int], vehicles: Sequence[int]) -> bool:
    """Return whether the least label of an animal is above the greatest of a vehicle: stricter than the ratio."""
    return bool(row[list(animals)].min() > row[list(vehicles)].max())


def class_mean(shares: Tensor, labels: Tensor, target: int) -> Tensor:
    """Average the shares (N, K) of samples whose label, of (N,), is ``target``: float64 (K,); NaN if none is."""
    return shares.double()[labels == target].mean(dim=0)


def rank_correlation(row: Tensor, human_row: Tensor, target: int) -> float | None:
    """Compute Spearman's correlation of two soft labels (K,) over all classes but the target, in [-1, 1].

    The target is the greatest in both and would correlate by itself. None where it isn't defined: a label that is the
    same for all of them, as with hard labels and LS, or fewer than two.
    """
    from scipy.stats import spearmanr

    others = torch.arange(len(row)) != target
    pair = [label[others].double() for label in (row, human_row)]
    if any(len(label) < 2 or not (label.max() > label.min()) for label in pair):
        return None
    return float(spearmanr(*(label.numpy() for label in pair)).statistic)
