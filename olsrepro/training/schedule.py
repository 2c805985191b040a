"""Learning rates by the position in the training, in epochs. No torch here."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence


def stepped_rate(position: float, lr: float, gamma: float, milestones: Sequence[int]) -> float:
    """Multiply ``lr`` by ``gamma`` for each milestone that is reached (paper V-A)."""
    return float(lr * gamma ** bisect_right(milestones, position))


def cosine_rate(position: float, lr: float, final_lr: float, *, warmup: float, epochs: float) -> float:
    """Rise from 0 to ``lr`` in a line over ``warmup`` epochs, then fall by half a cosine to ``final_lr`` at the end."""
    if position < warmup:
        return float(lr * position / warmup)
    share = (position - warmup) / max(epochs - warmup, 1e-9)
    return float(final_lr + 0.5 * (lr - final_lr) * (1 + math.cos(math.pi * min(share, 1.0))))


def scaled_milestones(milestones: Sequence[int], epochs: int, of: int) -> list[int]:
    """Scale milestones of a recipe of ``of`` epochs to one of ``epochs``: floor(m · epochs / of), but at least 1."""
    return [max(1, m * epochs // of) for m in milestones]
