"""Rank of this process among several, as ``torchrun`` sets it in the environment. No torch here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


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
_VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")


def rank_info(environment: Mapping[str, str] = os.environ) -> RankInfo:
    """Read this process's rank from the environment; :data:`ALONE` outside of ``torchrun``."""
    if any(name not in environment for name in _VARIABLES):
        return ALONE
    return RankInfo(*(int(environment[name]) for name in _VARIABLES))
