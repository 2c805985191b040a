"""Epochs of one training that an ensemble averages (Table III); no torch, so that planning can count them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

RANDOM = "random"
_NTH_OF: Mapping[str, Callable[[int, int, int], int]] = {
    "grid_end": lambda j, models, epochs: epochs * j // models,
    "grid_mid": lambda j, models, epochs: -(-epochs * (2 * j - 1) // (2 * models)),
    "grid_start": lambda j, models, epochs: epochs * (j - 1) // models + 1,
}
GRIDS = (*_NTH_OF, RANDOM)


def member_epochs(grid: str, epochs: int, models: int, seed: int) -> list[int]:
    """List the epochs, counted from 1 and rising, that an ensemble takes from a training of ``epochs``.

    Readings of the paper's "uniform choice", which cuts a training into ``models`` equal parts, j = 1, 2, ...:

    - ``grid_end``: each part's last epoch, ``epochs · j / models`` rounded down; the final model is a member.
    - ``grid_mid``: the epoch that the middle falls in, ``epochs · (j - 1/2) / models`` rounded up.
    - ``grid_start``: each part's first epoch, ``epochs · (j - 1) / models`` rounded down, and 1.
    - ``random``: drawn without replacement by the run's ``seed``; a smaller ensemble's members are a larger one's too.

    No epoch is taken twice: with more models than epochs, every grid takes all epochs.
    """
    if models >= epochs:
        return list(range(1, epochs + 1))
    if grid == RANDOM:
        return _drawn(epochs, models, seed)
    nth = _NTH_OF[grid]
    return [nth(j, models, epochs) for j in range(1, models + 1)]


def members_by_size(sizes: Sequence[int], grid: str, epochs: int, seed: int) -> dict[int, list[int]]:
    """Return the epochs of ensembles of several sizes, as :func:`member_epochs` lists them."""
    return {size: member_epochs(grid, epochs, size, seed) for size in sizes}


def count_members(sizes: Sequence[int], grid: str, epochs: int) -> int:
    """Count the different epochs that ensembles of several sizes take together: 32 for the paper's in 300 epochs."""
    if grid == RANDOM:  # the smaller ones are part of the largest, whatever is drawn
        return min(max(sizes, default=0), epochs)
    return len(set().union(*members_by_size(sizes, grid, epochs, seed=0).values()))


def _drawn(epochs: int, models: int, seed: int) -> list[int]:
    from olsrepro.randomness import address, permutation

    order: list[int] = permutation(address(seed, "ensemble_epochs"), epochs).tolist()
    return sorted(epoch + 1 for epoch in order[:models])
