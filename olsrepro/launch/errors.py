"""Exceptions that end a run without a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from olsrepro.config.run_config import RunConfig


class RunFailed(Exception):
    """A run that could not be finished; its record says why."""


class Hangs(Exception):
    """A training in which nothing moves any more; ``stacks`` says where each thread of its process is."""

    def __init__(self, line: str, stacks: str) -> None:
        super().__init__(line)
        self.stacks = stacks


class NeedsRun(Exception):
    """A run that can't begin before another one is finished: ``config``, which the caller trains first."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__("another run must be finished first")
        self.config = config


class Interrupted(Exception):
    """A run that was asked to stop and has written a checkpoint; the same command resumes it."""


class OfOneRank(Exception):
    """An end that is not the same on all ranks, so that this process must end too.

    Attributes:
        speaks: whether this rank is the one that tells the user.
    """

    def __init__(self, line: str, *, speaks: bool = True) -> None:
        super().__init__(line)
        self.speaks = speaks


class RankFailed(OfOneRank):
    """A rank that failed by itself, here or elsewhere."""


class RankGone(OfOneRank):
    """A rank that was killed or stopped, was too slow or lost the run's lease; the same command resumes the run."""
