"""Exchange of plain objects between ranks; nothing here waits for a device."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from olsrepro.distributed.ranks import arrive, control, count_exchange, is_first, rank_count

T = TypeVar("T")


def from_first(value: T) -> T:
    """Return the first rank's value on every rank; every rank must call it."""
    if rank_count() == 1:
        return value
    arrive()
    told: list[Any] = [value if is_first() else None]
    dist.broadcast_object_list(told, src=0, group=control())
    found: T = told[0]
    return found


def of_all(value: T) -> list[T]:
    """Return the values of all ranks in order; every rank must call it."""
    if rank_count() == 1:
        return [value]
    arrive()
    told: list[Any] = [None] * rank_count()
    dist.all_gather_object(told, value, group=control())
    return told


def for_first(value: T) -> list[T]:
    """Return the values of all ranks in order on the first rank, none on the others; every rank must call it."""
    if rank_count() == 1:
        return [value]
    arrive()
    told: list[Any] | None = [None] * rank_count() if is_first() else None
    dist.gather_object(value, told, dst=0, group=control())
    return told or []


class Agreement:
    """Wishes of any rank, known to all of them one call later, so that no call waits.

    All ranks must make the same calls; a single process gets its own wishes at once.
    """

    def __init__(self) -> None:
        self._asked: tuple[Tensor, Any] | None = None

    def on(self, *wishes: bool) -> tuple[bool, ...]:
        """Return, for each wish, whether any rank had it at the previous call; all false at the first."""
        if rank_count() == 1:
            return wishes
        answer = self._answer() or (False,) * len(wishes)
        told = torch.tensor(wishes, dtype=torch.uint8)
        count_exchange()
        self._asked = told, dist.all_reduce(told, dist.ReduceOp.MAX, async_op=True)
        return answer

    def forget(self) -> None:
        """Drop the previous call's wishes, so that the next call is the first again."""
        self._answer()

    def _answer(self) -> tuple[bool, ...] | None:
        if self._asked is None:
            return None
        told, work = self._asked
        work.wait()
        self._asked = None
        return tuple(bool(wish) for wish in told)


def any_rank(wish: bool) -> bool:
    """Return whether any rank has this wish now, waiting for all of them; every rank must call it."""
    return any(of_all(wish))
