"""Interface of launchers, and their report on the runs that they were given. No torch here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from olsrepro.config.run_config import RunConfig


@dataclass(frozen=True)
class Launched:
    """Outcome of training a set of runs.

    Attributes:
        trained: number of runs that are finished.
        failed: a line on each that could not be finished.
        held: a line on each that another process is writing.
        interrupted: reason why the rest was not started, after a signal or the loss of a rank: the same runs resume
            where they stopped; empty: nothing stopped them.
    """

    trained: int = 0
    failed: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    interrupted: str = ""


class Launcher(Protocol):
    """Launcher of runs somewhere: in this process, or in others."""

    def train(self, configs: Sequence[RunConfig]) -> Launched:
        """Train runs as far as they can be trained; a failure does not keep the rest from training.

        Args:
            configs: at least one, in the order in which to train them; a run comes after the one that teaches it.

        Raises:
            UserError: something that the runs need is missing; nothing was started.
            RankFailed, RankGone: of several ranks one failed by itself, or is gone, so that this process must end.
        """
