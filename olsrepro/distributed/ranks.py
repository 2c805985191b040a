"""Process group of the ranks that ``torchrun`` has started, and the rank of this one.

A single process needs none of this: it is the first of one rank, and communicates with nobody.
"""

from __future__ import annotations

from datetime import timedelta

import torch.distributed as dist

from olsrepro.distributed.rank_info import rank_info
from olsrepro.settings import UserError

PATIENCE = timedelta(days=1)
_control: list[dist.ProcessGroup] = []


def join(*, cuda: bool, timeout_s: float) -> None:
    """Meet the other ranks, unless already done or this process is alone; every rank must call it.

    Args:
        cuda: whether tensors on GPUs will be summed.
        timeout_s: how long a sum over ranks waits for one of them before it fails.

    Raises:
        UserError: not all of them joined within that time.
    """
    if rank_info().ranks == 1 or is_joined():
        return
    backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
    try:
        dist.init_process_group(backend, timeout=timedelta(seconds=timeout_s))
    except dist.DistError:
        raise UserError(
            f"{rank_info().ranks} ranks did not meet within runtime.rank_timeout_s={timeout_s:g} seconds: check what"
            " the others print, and that torchrun has the same --nnodes, --rdzv-id and --rdzv-endpoint on every machine"
        ) from None
    # What one rank does alone, such as fetching data, may take long; and this group sends plain objects, from the CPU.
    group = dist.new_group(backend="gloo", timeout=PATIENCE)
    assert isinstance(group, dist.ProcessGroup)
    _control[:] = [group]


def leave() -> None:
    """Close the process group, if this process has joined one."""
    if is_joined():
        _control.clear()
        dist.destroy_process_group()


def is_joined() -> bool:
    """Return whether there are other ranks to communicate with."""
    return dist.is_available() and dist.is_initialized()


def control() -> dist.ProcessGroup | None:
    """Return the group for :mod:`.news` between ranks, on the CPU, with a long timeout; None: the default group."""
    return _control[0] if _control else None


def all_come(timeout_s: float) -> bool:
    """Return whether all ranks call this within ``timeout_s`` seconds; then they are in step."""
    if rank_count() == 1:
        return True
    try:
        dist.monitored_barrier(control(), timeout=timedelta(seconds=timeout_s))
    except RuntimeError:  # one is late, or gone
        return False
    return True


def rank() -> int:
    """Return this process's rank, from 0."""
    return dist.get_rank() if is_joined() else 0


def rank_count() -> int:
    """Count the ranks; 1 where ranks aren't initialised."""
    return dist.get_world_size() if is_joined() else 1


def is_first() -> bool:
    """Return whether this is the rank that writes, and reports to the user."""
    return rank() == 0
