"""Probability that a sample's label is wrong, from the losses of the previous epoch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from olsrepro.methods.arazo.beta_mixture import (
    BetaMixture,
    first_mixture,
    fit_mixture,
    kept_losses,
    look_up,
    normalised,
    posterior_table,
)

_UNKNOWN = 0.5


class NoiseModel(nn.Module):
    """Beta mixture of the last successful fit, in float64 buffers.

    Before the first fit every sample is noisy with probability 1/2. A fit that breaks down doesn't change the mixture.

    Args:
        percentiles: losses below the first and above the second don't enter a fit.
        iterations: iterations of expectation-maximisation.
        bins: points of the table of posteriors.

    Attributes:
        alpha, beta, weight: (2,), the mixture.
        low, high: the losses that were normalised to 0 and 1.
        table: (bins,), the posterior.
        broke_down: bool, whether the last fit broke down.
    """

    alpha: Tensor
    beta: Tensor
    weight: Tensor
    low: Tensor
    high: Tensor
    table: Tensor
    broke_down: Tensor

    def __init__(self, percentiles: tuple[float, float], iterations: int, bins: int) -> None:
        super().__init__()
        self._percentiles = percentiles
        self._iterations = iterations
        for name, value in first_mixture()._asdict().items():
            self.register_buffer(name, value)
        self.register_buffer("low", torch.zeros((), dtype=torch.float64))
        self.register_buffer("high", torch.ones((), dtype=torch.float64))
        self.register_buffer("table", torch.full((bins,), _UNKNOWN, dtype=torch.float64))
        self.register_buffer("broke_down", torch.tensor(False))

    @property
    def mixture(self) -> BetaMixture:
        """Current mixture of the two beta distributions."""
        return BetaMixture(self.alpha, self.beta, self.weight)

    def noisy(self, losses: Tensor) -> Tensor:
        """Look up the probabilities (B,), float64, that samples with these losses (B,) are noisy; nothing waits."""
        return look_up(self.table, normalised(losses, (self.low, self.high)))

    @torch.no_grad()
    def fit(self, losses: Tensor) -> None:
        """Fit the mixture to the losses (N,) of an epoch, on the CPU."""
        kept, (low, high) = kept_losses(losses.double().cpu(), self._percentiles)
        mixture = fit_mixture(normalised(kept, (low, high)), self._iterations)
        self.broke_down.fill_(mixture is None)
        if mixture is not None:
            fitted = {**mixture._asdict(), "low": low, "high": high, "table": posterior_table(mixture, len(self.table))}
            for name, value in fitted.items():
                getattr(self, name).copy_(value)

    def facts(self) -> dict[str, float]:
        """Return the mixture's numbers by name."""
        shapes = {
            f"{component}_{name}": float(value)
            for name, values in self.mixture._asdict().items()
            for component, value in zip(("clean", "noisy"), values, strict=True)
        }
        return shapes | {
            "loss_low": float(self.low),
            "loss_high": float(self.high),
            "fit_broke_down": float(self.broke_down),
        }
