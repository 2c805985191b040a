"""Rank of this process among several, as ``torchrun`` sets it in the environment. No torch here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from olsrepro.settings import UserError

_LONG = 20
_ADVICE = "unset {} to train in one process, or start several with torchrun"


@dataclass(frozen=True)
class RankInfo:
    """A process among those that ``torchrun`` has started.

    Attributes:
        rank, ranks: its number, from 0, and how many there are.
        local_rank, local_ranks: the same on its machine.
    """

    rank: int
    ranks: int
    local_rank: int
    local_ranks: int


ALONE = RankInfo(0, 1, 0, 1)
_ALONE = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}
_ADDRESS = ("MASTER_ADDR", "MASTER_PORT")


def rank_info(environment: Mapping[str, str] = os.environ) -> RankInfo:
    """Read this process's rank from the environment; :data:`ALONE` outside of ``torchrun``.

    Raises:
        UserError: the variables are not as ``torchrun`` sets them: other launchers set some of them, and an earlier
            command may have left some behind.
    """
    given = {name: environment[name] for name in _ALONE if name in environment}
    for name, value in given.items():
        if not (value.isascii() and value.isdecimal() and len(value) < _LONG):
            raise UserError(f"{name}={value[:_LONG]} in the environment is not a whole number; {_ADVICE.format(name)}")
    others = [(name, value) for name, value in given.items() if int(value) != int(_ALONE[name])]
    missing = [name for name in (*_ALONE, *_ADDRESS) if name not in environment]
    if not others:
        return ALONE
    name, value = others[0]
    if missing:
        raise UserError(f"{name}={value} in the environment without {', '.join(missing)}; {_ADVICE.format(name)}")
    here = RankInfo(*(int(given[name]) for name in _ALONE))
    for name, rank, size in (("RANK", here.rank, here.ranks), ("LOCAL_RANK", here.local_rank, here.local_ranks)):
        if rank >= size:
            total = name.replace("RANK", "WORLD_SIZE")
            raise UserError(f"{name}={rank} in the environment is not below {total}={size}; {_ADVICE.format(name)}")
    return here
