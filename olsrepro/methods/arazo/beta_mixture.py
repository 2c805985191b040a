"""Mixture of two beta distributions, of clean and of noisy samples' losses: fit, posterior, table. Float64, pure."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

_EDGE = 1e-4  # the densities are unbounded at 0 and 1
_FLOOR = 1e-12
_LEAST, _MOST = 1e-3, 1 - 1e-3  # used for a loss outside the range
_ABOVE_LOW, _ABOVE_WIDTH = 1e-5, 1e-6

Range = tuple[Tensor, Tensor]
"""Losses, float64 scalars, that are normalised to 0 and 1."""


class BetaMixture(NamedTuple):
    """Shapes and shares of two beta distributions, float64 (2,) each; component 0 is clean, 1 is noisy."""

    alpha: Tensor
    beta: Tensor
    weight: Tensor

    def is_sound(self) -> bool:
        """Tell whether the mixture is valid: finite, with positive shapes."""
        shapes = torch.cat([self.alpha, self.beta])
        return bool((shapes > 0).all() and torch.cat([shapes, self.weight]).isfinite().all())


def first_mixture() -> BetaMixture:
    """Return the start of every fit, which alone makes the second component the noisy one."""
    alpha, beta, weight = torch.tensor([[1.0, 2.0], [2.0, 1.0], [0.5, 0.5]], dtype=torch.float64)
    return BetaMixture(alpha, beta, weight)


def kept_losses(losses: Tensor, percentiles: tuple[float, float]) -> tuple[Tensor, Range]:
    """Select the losses (n,) between two percentiles, inclusive and linearly interpolated, and their range.

    Args:
        losses: float64 (N,).
        percentiles: in percent.
    """
    low, high = torch.quantile(losses, torch.tensor(percentiles, dtype=losses.dtype, device=losses.device) / 100)
    return losses[(losses >= low) & (losses <= high)], (low + _ABOVE_LOW, high)


def normalised(losses: Tensor, between: Range) -> Tensor:
    """Normalise losses to float64 numbers inside (0, 1), any shape; those outside the range go near its ends."""
    low, high = between
    shares = (losses.double() - low) / (high - low + _ABOVE_WIDTH)
    return torch.where(shares >= 1, _MOST, torch.where(shares <= 0, _LEAST, shares))


def fit_mixture(shares: Tensor, iterations: int) -> BetaMixture | None:
    """Fit by expectation-maximisation from :func:`first_mixture`, maximising by moments; None if it breaks down.

    Args:
        shares: float64 (n,), normalised losses.
        iterations: number of iterations.
    """
    shares = shares.clamp(_EDGE, 1 - _EDGE)
    mixture = first_mixture()
    for _ in range(iterations):
        mixture = _from_moments(shares, responsibilities(mixture, shares))
        if not mixture.is_sound():
            return None
    return mixture


def responsibilities(mixture: BetaMixture, shares: Tensor) -> Tensor:
    """Compute the responsibility of each component for normalised losses (n,): float64 (2, n), columns sum to 1."""
    floored = weighted_densities(mixture, shares).clamp(min=_FLOOR)
    return floored / floored.sum(0)


def weighted_densities(mixture: BetaMixture, shares: Tensor) -> Tensor:
    """Compute the density of normalised losses (n,) under each component, times its weight: float64 (2, n)."""
    alpha, beta, weight = (each[:, None] for each in mixture)
    log_norm = alpha.lgamma() + beta.lgamma() - (alpha + beta).lgamma()
    return weight * ((alpha - 1) * shares.log() + (beta - 1) * (-shares).log1p() - log_norm).exp()


def posterior(mixture: BetaMixture, shares: Tensor) -> Tensor:
    """Compute the probability that samples with normalised losses (n,) are noisy: float64 (n,)."""
    densities = weighted_densities(mixture, shares)
    return densities[1] / (densities.sum(0) + _FLOOR)


def posterior_table(mixture: BetaMixture, bins: int) -> Tensor:
    """Tabulate the posterior at ``bins`` points from 0 to 1, float64; beyond its maximum it stays at that value."""
    table = posterior(mixture, torch.linspace(_FLOOR, 1 - _FLOOR, bins, dtype=torch.float64))
    most = table.max()
    return torch.where(table.cummax(0).values == most, most, table)


def look_up(table: Tensor, shares: Tensor) -> Tensor:
    """Look up the posterior of normalised losses (n,), inside [1e-4, 1 - 1e-4]; nothing waits for the device."""
    bins = len(table)
    return table[(bins * shares).long().clamp(0, bins - 1)].clamp(_EDGE, 1 - _EDGE)


def _from_moments(shares: Tensor, share_of: Tensor) -> BetaMixture:
    """Return the mixture whose components have the mean and variance of the samples, weighted by (2, n)."""
    total = share_of.sum(1)
    mean = (share_of * shares).sum(1) / total
    variance = (share_of * (shares - mean[:, None]).square()).sum(1) / total
    alpha = mean * (mean * (1 - mean) / variance - 1)
    return BetaMixture(alpha, alpha * (1 - mean) / mean, total / total.sum())
