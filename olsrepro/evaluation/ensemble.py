"""The ensemble over epochs (Table III): which epochs it averages, and the running sums that spare its checkpoints."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from olsrepro.evaluation.classification import softmax


def grid_end_epochs(epochs: int, models: int) -> list[int]:
    """The ``models`` epochs, counted from 1, that end equal parts of a training: ``epochs · j / models``, rounded down.

    The reading ``grid_end`` of the paper's "uniform choice": deterministic, and the final model is a member. No epoch
    occurs twice as long as ``models`` is at most ``epochs``.
    """
    return [epochs * j // models for j in range(1, models + 1)]


class EnsembleSums:
    """Sums of softmax(test logits) for several ensemble sizes, one (N, K) matrix each, kept while training."""

    def __init__(self, sizes: Sequence[int], epochs: int) -> None:
        self.members = {size: grid_end_epochs(epochs, size) for size in sizes}
        self.sums: dict[int, Tensor] = {}

    def add(self, epoch: int, logits: Tensor) -> None:
        """Add the test logits (N, K) of an epoch, counted from 1, wherever it is a member."""
        for size, members in self.members.items():
            if epoch in members:
                probabilities = softmax(logits).cpu()
                self.sums[size] = self.sums.get(size, torch.zeros_like(probabilities)) + probabilities

    def state_dict(self) -> dict[str, Tensor]:
        """The sums by size."""
        return {str(size): total for size, total in self.sums.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from sums taken with :meth:`state_dict`."""
        self.sums = {int(size): total for size, total in state.items()}
