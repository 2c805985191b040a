"""Running sums of test probabilities over an ensemble's epochs (Table III), which replace their checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from olsrepro.evaluation.classification import softmax


class EnsembleSums:
    """Sums of softmax(test logits) for several ensemble sizes, one (N, K) matrix each, kept while training.

    ``members`` are the epochs of each size, counted from 1 and rising; see :func:`ensemble_epochs.members_by_size`.
    """

    def __init__(self, members: Mapping[int, list[int]]) -> None:
        self.members = dict(members)
        self.sums: dict[int, Tensor] = {}
        self._added: dict[int, list[int]] = {}

    @property
    def epochs(self) -> frozenset[int]:
        """Epochs that are members of any size."""
        return frozenset().union(*self.members.values())

    def add(self, epoch: int, logits: Tensor) -> None:
        """Add the test logits (N, K) of an epoch, counted from 1, wherever it is a member."""
        for size, members in self.members.items():
            if epoch in members:
                probabilities = softmax(logits).cpu()
                self.sums[size] = self.sums.get(size, torch.zeros_like(probabilities)) + probabilities
                self._added.setdefault(size, []).append(epoch)

    def complete(self) -> dict[int, Tensor]:
        """Return the sums that hold every member, without a size that was added in the middle of a training."""
        return {size: total for size, total in self.sums.items() if self._added[size] == self.members[size]}

    def state_dict(self) -> dict[str, Any]:
        """Return the sums by size, with the epochs that are in them."""
        return {str(size): {"sum": total, "epochs": self._added[size]} for size, total in self.sums.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from sums taken with :meth:`state_dict`; sizes that are no longer asked for are left out."""
        wanted = {int(size): part for size, part in state.items() if int(size) in self.members}
        self.sums = {size: part["sum"] for size, part in wanted.items()}
        self._added = {size: list(part["epochs"]) for size, part in wanted.items()}
