"""Symmetric noise: labels drawn uniformly over a pool of classes."""

from __future__ import annotations

import torch
from torch import Tensor

from olsrepro.data.noise.drawing import drawn_samples, rate_warning
from olsrepro.data.noise.symmetric.settings import Settings
from olsrepro.randomness import address, integers


def given_labels(
    settings: Settings, targets: Tensor, num_classes: int, *, run_seed: int, held: Tensor
) -> tuple[Tensor, str | None]:
    """Draw the labels (N,) of a share of the samples; warn where true ones are no longer the most frequent.

    Sample i's new class depends on (noise seed, i) and its true class alone. The classes of the pool are 0 .. m - 1.
    Where the true class t is in the pool and may not come out, a label is (t + d) mod m with d uniform in 1 .. m - 1,
    else d is uniform in 0 .. m - 1.
    """
    seed, pool = settings.seed_in(run_seed), settings.pool_size(num_classes)
    chosen = drawn_samples(settings, targets, seed, held)
    labels = torch.where(chosen, _new_classes(targets, pool, settings.include_true, seed), targets)
    return labels, _warning(settings, num_classes)


def _new_classes(targets: Tensor, pool: int, include_true: bool, seed: int) -> Tensor:
    """Draw for each sample the class that it shows if it is chosen, uniform over the classes below ``pool``."""
    least = torch.zeros_like(targets) if include_true else (targets < pool).long()
    shift = least + integers(address(seed, "noise_class"), torch.arange(len(targets)), 0, pool - least)
    return (targets + shift) % pool


def _warning(settings: Settings, num_classes: int) -> str | None:
    pool = settings.pool_size(num_classes)
    if settings.include_true and pool == num_classes:  # the true class gains as much as any other
        return None
    return rate_warning(settings.rate, pool + settings.include_true)
