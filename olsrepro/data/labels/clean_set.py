"""Clean set: training images, chosen by address, whose true labels a method may use."""

from __future__ import annotations

import torch
from torch import Tensor

from olsrepro.randomness import address, permutation, random_bits


def clean_indices(targets: Tensor, num_classes: int, size: int, *, per_class: bool, seed: int) -> Tensor:
    """Choose the samples of the clean set: int64 (size,), rising; a function of (seed, index).

    Args:
        targets: int64 (N,), true classes.
        num_classes: K.
        size: number of samples.
        per_class: whether to take size / K of each class; else those with the lowest random numbers of all.
        seed: of the run.

    Raises:
        ValueError: ``size`` is not a multiple of K, or a class or the whole set is smaller than what is asked of it.
    """
    bits = random_bits(address(seed, "clean"), torch.arange(len(targets), device=targets.device))
    by_bits = torch.argsort(bits, stable=True)
    if not per_class:
        _refuse_more("the training set", len(targets), size)
        return by_bits[:size].sort().values
    if size % num_classes:
        raise ValueError(
            f"clean_size={size} must be a multiple of the {num_classes} classes, to have equally many images of each"
        )
    each = size // num_classes
    least = int(torch.bincount(targets, minlength=num_classes).min())
    _refuse_more("the smallest class", least, each)
    chosen = [by_bits[targets[by_bits] == label][:each] for label in range(num_classes)]
    return torch.cat(chosen).sort().values


def _refuse_more(what: str, there: int, asked: int) -> None:
    if asked > there:
        raise ValueError(f"clean_size asks for {asked} images of {what}, which has {there}")


class CleanBatches:
    """Clean samples that come with each step: passes over the set in new orders, each step the next batch.

    Args:
        indices: int64 (n,), the clean samples.
        batch_size: of each batch but a pass's last.
        seed: of the run.
    """

    def __init__(self, indices: Tensor, batch_size: int, seed: int) -> None:
        self._indices = indices
        self._batch_size = batch_size
        self._seed = seed
        self._per_pass = -(-len(indices) // batch_size)

    def at(self, step: int) -> Tensor:
        """Return the samples of a step, counted from 0 over the whole training."""
        turn, place = divmod(step, self._per_pass)
        order = permutation(address(self._seed, "clean_order", turn), len(self._indices), self._indices.device)
        return self._indices[order[place * self._batch_size : (place + 1) * self._batch_size]]
