"""Pairwise Confusion (Dubey et al., "Pairwise confusion for fine-grained visual classification", 2018)."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from olsrepro.losses.criterion import Criterion, hard_cross_entropy, weighted_sum
from olsrepro.losses.pairwise_rules import resolve_pairwise


class PairwiseConfusion(Criterion):
    """Cross entropy plus ``lam`` times a distance between the outputs of the two halves of a batch.

    Row i of the first half and row i of the second are a pair with difference D_i (K,); the middle row of an odd batch
    is in no pair. ``PC = 1/B sum_k sqrt(sum_i D_ik²)`` with ``norm="class"``, ``1/B sum_i sqrt(sum_k D_ik²)`` with
    ``norm="pair"``; B counts rows, not pairs. A distance of 0 has gradient 0.

    Variants: ``authors`` (authors' code, cifar/scripts/loss_all_methods.py): logits, one norm per class; ``repo``
    (abhimanyudubey/confusion, confusion_pytorch/__init__.py, with the probabilities that its author advises in issue
    2): one norm per pair; ``original``, as Dubey et al. write: as ``repo``, but pairs of the same class don't count.

    With ``norm="class"`` in training mode the ranks of ``torch.distributed`` sum K + 1 numbers in each forward and each
    backward pass, so all of them must run it. A rank holds its slice of the first half, then its slice of the second.

    Args:
        num_classes: K.
        variant: one of ``authors``, ``repo``, ``original``; it determines every switch below that is left at None.
        space: whether ``logits`` or ``probs`` are compared.
        norm: whether a distance runs over the batch, one per ``class``, or over the classes, one per ``pair``.
        pairs: whether ``all`` pairs count, or only those of ``different`` classes.
        lam: weight of the distance. Probabilities need a far larger one than logits (issue 2 of that repository).

    Raises:
        ValueError: a switch is out of its range.
    """

    def __init__(
        self,
        num_classes: int,
        variant: str = "authors",
        space: str | None = None,
        norm: str | None = None,
        pairs: str | None = None,
        lam: float | None = None,
    ) -> None:
        super().__init__(num_classes)
        rules = resolve_pairwise(variant, space, norm, pairs, lam)
        self.space = rules.space
        self.norm = rules.norm
        self.pairs = rules.pairs
        self.lam = rules.lam

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return ``CE(y, z) + lam PC``; with ``lam`` 0, bit for bit the hard loss."""
        return weighted_sum(
            (1.0, lambda: hard_cross_entropy(logits, target)),
            (self.lam, lambda: self._distance(logits, target)),
        )

    def _distance(self, logits: Tensor, target: Tensor) -> Tensor:
        squares = self._differences(logits, target).square()
        if self.norm == "pair":
            return _root(squares.sum(1)).sum() / len(target)
        totals = F.pad(squares.sum(0), (0, 1), value=len(target))
        if self.training:
            totals = _sum_over_ranks(totals)
        return _root(totals[:-1]).sum() / totals[-1]

    def _differences(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the differences between the partners of each pair, (B // 2, K); 0 for a pair that doesn't count."""
        outputs = logits if self.space == "logits" else logits.softmax(1)
        half = len(target) // 2
        differences = outputs[:half] - outputs[len(target) - half :]
        if self.pairs == "all":
            return differences
        alike = target[:half] == target[len(target) - half :]
        return differences.masked_fill(alike.unsqueeze(1), 0.0)


def _root(squares: Tensor) -> Tensor:
    """Take square roots whose gradient at 0 is 0, not infinite."""
    zero = squares == 0
    return squares.masked_fill(zero, 1.0).sqrt().masked_fill(zero, 0.0)


def _sum_over_ranks(tensor: Tensor) -> Tensor:
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        total: Tensor = _SumOverRanks.apply(tensor)
        return total
    return tensor


class _SumOverRanks(torch.autograd.Function):
    """Sum over all ranks; each rank's gradient is the sum of all ranks' gradients, whatever weights their losses have.

    torch.distributed.nn.functional has the same function, but deprecated.
    """

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total
