"""Stages of PENCIL and its own schedule (no torch here); all epochs are 0-based."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

OWN_ENDS = (70 / 320, 200 / 320)  # shares of the epochs; yikun2019/PENCIL: 70 and 200 of 320


class Stages(NamedTuple):
    """First epochs of stage 2, which updates the labels, and of stage 3, which freezes them."""

    stage1_end: int
    stage2_end: int

    def at(self, epoch: int) -> int:
        """Return the stage of an epoch: 1, 2 or 3."""
        return 1 + (epoch >= self.stage1_end) + (epoch >= self.stage2_end)


def fitted(stage1_end: int, stage2_end: int) -> Stages:
    """Return these stages, with at least one epoch each for the first two."""
    first = max(1, stage1_end)
    return Stages(first, max(first + 1, stage2_end))


def after_share(epochs: int, share: float) -> int:
    """Return the first epoch after this share of the epochs, to the nearest one."""
    return round(share * epochs)


def stages_of_drop(epochs: int, milestones: Sequence[int]) -> Stages:
    """End stage 2 at the first drop, or with the run if there is none, and stage 1 at 35 % of that, as 70 of 200."""
    drop = milestones[0] if milestones else epochs
    return fitted(drop * 35 // 100, drop)


def own_rates(epochs: int, stage2_end: int, lr: float, lr2: float, *, floor: bool = False) -> tuple[float, ...]:
    """Return the learning rate of each epoch: ``lr`` in stages 1 and 2, in the thirds of stage 3 lr2, lr2/10, lr2/100.

    Args:
        epochs: number of epochs of the run.
        stage2_end: the first epoch of stage 3.
        lr, lr2: learning rates.
        floor: round the last two rates down to integers, as yikun2019/PENCIL does: 0 for any lr2 below 10.
    """
    rest = epochs - stage2_end
    second, third = stage2_end + rest // 3, stage2_end + 2 * rest // 3
    tenth, hundredth = (lr2 // 10, lr2 // 100) if floor else (lr2 / 10, lr2 / 100)
    lengths = (stage2_end, second - stage2_end, third - second, epochs - third)
    rates = (lr, lr2, tenth, hundredth)
    return tuple(rate for rate, length in zip(rates, lengths, strict=True) for _ in range(length))
