"""Selection of the labels that are drawn anew: a count of all, a share of each class, or each by itself."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from olsrepro.data.noise.drawn_settings import DrawnSettings
from olsrepro.randomness import address, permutation, uniform


def drawn_samples(settings: DrawnSettings, targets: Tensor, seed: int, held: Tensor) -> Tensor:
    """Choose the samples whose labels are drawn anew: bool (N,).

    Whether sample i is among them depends on (seed, i) alone where the selection is ``bernoulli``; an exact count takes
    those that come first in an order which the seed fixes. At one seed those of a lower rate are drawn at a higher one
    too.

    Args:
        settings: rate, selection and scope.
        targets: int64 (N,), true classes.
        seed: what is drawn from.
        held: bool (N,), samples that keep their true labels, which the scope ``remaining`` leaves out here already.
    """
    key = address(seed, "noise_choice")
    if settings.selection == "bernoulli":
        return uniform(key, torch.arange(len(targets))) < settings.rate
    candidates = ~held if settings.scope == "remaining" else torch.ones_like(held)
    order = permutation(key, len(targets))
    groups = targets if settings.selection == "exact_per_class" else torch.zeros_like(targets)
    return _first_of_each(groups, order[candidates[order]], settings.rate)


def flip_count(rate: float, count: int) -> int:
    """Compute floor(rate · count), where the product is taken as the decimal that the rate was typed as."""
    return min(count, math.floor(rate * count + 1e-9))


def _first_of_each(groups: Tensor, order: Tensor, rate: float) -> Tensor:
    """Mark (N,) the share ``rate`` of each group that comes first in an order of some or all samples."""
    chosen = torch.zeros_like(groups, dtype=torch.bool)
    for group in range(int(groups.max()) + 1):
        members = order[groups[order] == group]
        chosen[members[: flip_count(rate, len(members))]] = True
    return chosen


def rate_warning(rate: float, rivals: int) -> str | None:
    """Write a line for the user where the true class isn't the most frequent label any more: rate above 1 - 1/rivals.

    ``rivals`` counts the classes that share the labels of one true class evenly at that rate, itself among them.
    """
    if rate <= 1 - 1 / rivals:
        return None
    return f"noise.rate={rate:g} is above 1 - 1/{rivals}: the true class is no longer the most frequent label"
