"""Exceptions that end a run without a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from olsrepro.config.run_config import RunConfig


class RunFailed(Exception):
    """A run that could not be finished; its record says why."""


class NeedsRun(Exception):
    """A run that can't begin before another one is finished: ``config``, which the caller trains first."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__("another run must be finished first")
        self.config = config


class RankFailed(RunFailed):
    """A rank that failed by itself: the others are elsewhere in the run, so this process must end."""


class Interrupted(Exception):
    """A run that was asked to stop and has written a checkpoint, or has lost a rank; the same command resumes it."""
