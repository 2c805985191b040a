"""Words of a command that ``torchrun`` has started several times: each thing once, by the rank that knows it."""

from __future__ import annotations

import sys

from olsrepro.cli import exit_codes
from olsrepro.distributed.rank_info import RankInfo
from olsrepro.launch.errors import OfOneRank, RankGone


def tell_mistake(line: str, here: RankInfo) -> None:
    """Print a mistake: once on each machine if all ranks have made it, else on the rank that has, which is named."""
    if here.ranks == 1:
        print(f"olsrepro: {line}", file=sys.stderr)
        return
    from olsrepro.distributed.ranks import failed_on_all

    if not failed_on_all(line):
        print(f"olsrepro: on rank {here.rank}: {line}", file=sys.stderr)
    elif here.local_rank == 0:  # another machine may have a terminal of its own
        print(f"olsrepro: {line}", file=sys.stderr)


def tell_end(error: OfOneRank) -> int:
    """Print an end that is not the same on all ranks, on the rank that tells it; return the exit code."""
    if error.speaks:
        print(f"olsrepro: {error}", file=sys.stderr)
    return exit_codes.INTERRUPTED if isinstance(error, RankGone) else exit_codes.RUN_FAILED
