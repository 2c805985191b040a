"""Small network of Meta-Weight-Net, from losses to weights."""

from __future__ import annotations

from torch import Tensor, nn


class WeightNet(nn.Module):
    """Network ``V(l) = σ(w2 · ReLU(w1 l + b1) + b2)``: losses (B,) to weights (B,) in (0, 1); torch's initial weights.

    Args:
        hidden: units of its hidden layer.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(1, hidden)
        self.output = nn.Linear(hidden, 1)

    def forward(self, losses: Tensor) -> Tensor:
        """Return the weight of each loss, (B,)."""
        weights: Tensor = self.output(self.hidden(losses.unsqueeze(1)).relu()).sigmoid().squeeze(1)
        return weights
