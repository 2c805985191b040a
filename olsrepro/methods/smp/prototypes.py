"""Prototypes of a class and labels by them, as pure functions (Han, Luo and Wang, ICCV 2019).

Cosines and everything computed from them are in float64: the threshold is an element of the matrix itself and the
density sums signs, so rounding matters. Rows of ``features`` are in rising order of sample index, which breaks ties.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from olsrepro.randomness import random_bits

_SAME = 1e-12  # cosines that differ by less are equal: the same pair of rows may be summed in two orders
UNKNOWN = -1


@dataclass(frozen=True)
class Choice:
    """Rules for choosing prototypes.

    Attributes:
        count: p, number of prototypes of each class.
        quantile: position of the density's threshold among a class's cosines in ascending order.
        eta_threshold: a prototype's cosine with every denser sample is below this, if enough samples meet it.
        diagonal: whether a sample's cosine with itself counts in threshold and density.
    """

    count: int = 8
    quantile: float = 0.4
    eta_threshold: float = 0.95
    diagonal: bool = True


def directions(features: Tensor) -> Tensor:
    """Normalise features (n, D) to length 1, in float64; 0 stays 0 and has cosine 0 with everything."""
    return F.normalize(features.double(), dim=1, eps=1e-300)


def threshold(cosines: Tensor, choice: Choice) -> Tensor:
    """Return S_c, the element of a class's cosines (m, m) at the 0-based rank ``floor(quantile * number)``."""
    apart = ~torch.eye(len(cosines), dtype=torch.bool, device=cosines.device)
    entries = cosines.flatten() if choice.diagonal or len(cosines) == 1 else cosines[apart]
    place = min(int(choice.quantile * len(entries)), len(entries) - 1)
    # sort, since kthvalue has no deterministic form on a GPU
    return entries.sort().values[place]


def densities(cosines: Tensor, choice: Choice) -> Tensor:
    """Compute rho (m,): how many more of a sample's cosines (m, m) are above the threshold than below."""
    above = cosines - threshold(cosines, choice)
    signs = torch.where(above.abs() < _SAME, 0, above.sign())
    return (signs if choice.diagonal else signs.fill_diagonal_(0)).sum(1)


def likeness_to_denser(cosines: Tensor, density: Tensor) -> Tensor:
    """Compute eta (m,): the largest cosine with a sample of higher density; the smallest of all if there is none."""
    denser = density[None, :] > density[:, None]
    largest = cosines.masked_fill(~denser, -torch.inf).amax(1)
    return torch.where(denser.any(1), largest, cosines.amin(1))


def prototypes(features: Tensor, choice: Choice) -> Tensor:
    """Choose a class's prototypes: rows, int64 (min(count, m),), of features (m, D), the densest first.

    They are dense and dissimilar; if too few are dissimilar enough, the densest of the others are added.
    """
    unit = directions(features)
    cosines = unit @ unit.T
    density = densities(cosines, choice)
    apart = likeness_to_denser(cosines, density) < choice.eta_threshold
    order = density.argsort(descending=True, stable=True)
    order = order[(~apart[order]).long().argsort(stable=True)]
    return order[: choice.count]


def rows_by_class(targets: Tensor, num_classes: int, *, most: int | None, key: int, indices: Tensor) -> list[Tensor]:
    """Return the rows of each class, rising: all of them, or ``most`` drawn at random (waits for the device).

    Args:
        targets: int64 (n,), given labels.
        num_classes: K.
        most: largest number of rows of a class; None: all.
        key: an address; equal ones give equal draws.
        indices: int64 (n,), sample indices.
    """
    sizes = torch.bincount(targets, minlength=num_classes).tolist()
    rows = list(torch.split(targets.argsort(stable=True), sizes))
    if most is None:
        return rows
    bits = random_bits(key, indices)
    return [part[bits[part].argsort(stable=True)[:most]].sort().values for part in rows]


def class_centres(features: Tensor, rows: Sequence[Tensor], choice: Choice) -> Tensor:
    """Compute the mean direction of each class's prototypes, float64 (K, D), whose product with a direction is sigma.

    Args:
        features: (n, D).
        rows: rows of each class that prototypes are chosen from; a class without any has a centre of NaN.
        choice: rules for choosing them.
    """
    none = features.new_full((features.shape[1],), torch.nan, dtype=torch.float64)

    def centre(part: Tensor) -> Tensor:
        return directions(part[prototypes(part, choice)]).mean(0) if len(part) else none

    return torch.stack([centre(features[part]) for part in rows])


def similarities(features: Tensor, centres: Tensor) -> Tensor:
    """Compute sigma, float64 (n, K): mean cosine of each sample with the prototypes of each class; NaN without any."""
    return directions(features) @ centres.T


def corrected(features: Tensor, centres: Tensor) -> Tensor:
    """Return the class that each sample is most similar to, int64 (n,), from features (n, D) and centres (K, D)."""
    return similarities(features, centres).nan_to_num(nan=-torch.inf).argmax(1)
