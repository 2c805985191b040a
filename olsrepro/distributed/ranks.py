"""Process group of the ranks that ``torchrun`` has started, and the rank of this one.

A single process needs none of this: it is the first of one rank, and communicates with nobody.
"""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import torch.distributed as dist

from olsrepro.distributed.presence import ALIKE_S, Presence, RankLost
from olsrepro.distributed.rank_info import rank_info
from olsrepro.settings import UserError

TRANSFER = timedelta(minutes=10)
_control: list[dist.ProcessGroup] = []
_presence: list[Presence] = []
_meetings = count()


def join(*, cuda: bool, timeout_s: float) -> None:
    """Meet the other ranks, unless already done or this process is alone; every rank must call it.

    Args:
        cuda: whether tensors on GPUs will be summed.
        timeout_s: how long a sum over ranks waits for one of them before it fails.

    Raises:
        UserError: not all of them joined within that time, or they can't reach each other.
        RankLost: one of them failed before it came here.
    """
    if rank_info().ranks == 1 or is_joined():
        return
    try:
        _meet(timeout_s).arrive()
        dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=timedelta(seconds=timeout_s))
        group = dist.new_group(backend="gloo", timeout=TRANSFER)  # of plain objects, which may be large
    except RankLost:
        raise
    except (RuntimeError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(
            f"{rank_info().ranks} ranks did not meet within runtime.rank_timeout_s={timeout_s:g} seconds ({reason}):"
            " check what the others print, and that torchrun has the same --nnodes, --rdzv-id and --rdzv-endpoint on"
            " every machine"
        ) from None
    assert isinstance(group, dist.ProcessGroup)
    _control[:] = [group]


def _meet(timeout_s: float) -> Presence:
    """Return this rank's presence, begun with the first call."""
    if not _presence:
        from torch.distributed.rendezvous import rendezvous  # not every build of torch has it

        store, number, ranks = next(rendezvous("env://", timeout=timedelta(seconds=timeout_s)))
        own = dist.PrefixStore(f"olsrepro/{next(_meetings)}", store)  # type: ignore[attr-defined]
        _presence.append(Presence(own, number, ranks, timeout_s))
    return _presence[0]


def presence() -> Presence | None:
    """Return this rank's presence among the others; None for a single process."""
    return _presence[0] if _presence else None


def failed_on_all(line: str) -> bool:
    """Return whether a mistake, met before the ranks came together, is one of all ranks; else tell the others of it."""
    try:
        return _meet(ALIKE_S).all_failed(line)
    except (RuntimeError, ValueError):  # they can't be reached
        return False


def leave() -> None:
    """Close the process group, if this process has joined one."""
    if _presence:
        _presence.pop().leave()
    if is_joined():
        _control.clear()
        dist.destroy_process_group()


def is_joined() -> bool:
    """Return whether there are other ranks to communicate with."""
    return dist.is_available() and dist.is_initialized()


def control() -> dist.ProcessGroup | None:
    """Return the group for :mod:`.news` between ranks, on the CPU; None: the default group."""
    return _control[0] if _control else None


def arrive() -> None:
    """Wait for all ranks to come here, as long as they live; every rank must call it.

    Raises:
        RankLost: one has failed, or is gone.
    """
    if _presence:
        _presence[0].arrive()


def count_exchange() -> None:
    """Count a message to other ranks that may still be under way when this rank fails."""
    if _presence:
        _presence[0].count_exchange()


def rank() -> int:
    """Return this process's rank, from 0."""
    return dist.get_rank() if is_joined() else 0


def rank_count() -> int:
    """Count the ranks; 1 where ranks aren't initialised."""
    return dist.get_world_size() if is_joined() else 1


def is_first() -> bool:
    """Return whether this is the rank that writes, and reports to the user."""
    return rank() == 0
