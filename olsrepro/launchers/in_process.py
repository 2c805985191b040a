"""Launcher that trains runs one after another in this process. It loads torch when it is given runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from olsrepro.config.run_config import RunConfig
from olsrepro.launchers.base import Launched


@dataclass(frozen=True)
class InProcess:
    """Launcher of runs one after another in this process, or on the ranks that ``torchrun`` has started with it.

    Attributes:
        console: where progress is shown: as a bar on a terminal, in lines elsewhere.
    """

    console: Console

    def train(self, configs: Sequence[RunConfig]) -> Launched:
        """Train runs in order, as :class:`olsrepro.launchers.base.Launcher` describes; every rank must call it."""
        from olsrepro.launchers.many import run_many

        return run_many(configs, self.console)
