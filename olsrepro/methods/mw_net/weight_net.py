"""The small network of Meta-Weight-Net, from losses to weights."""

from __future__ import annotations

from torch import Tensor, nn


class WeightNet(nn.Module):
    """``V(l) = σ(w2 · ReLU(w1 l + b1) + b2)``: losses (B,) to weights (B,) in (0, 1); torch's own initial weights.

    Args:
        hidden: units of its hidden layer.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(1, hidden)
        self.output = nn.Linear(hidden, 1)

    def forward(self, losses: Tensor) -> Tensor:
        """The weight of each loss."""
        weights: Tensor = self.output(self.hidden(losses.unsqueeze(1)).relu()).sigmoid().squeeze(1)
        return weights
