"""Launcher that trains runs one after another in this process. It loads torch once it has runs whose data are here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.console import Console

from olsrepro.config.run_config import RunConfig
from olsrepro.distributed.rank_info import rank_info
from olsrepro.launch.unready import runs_with_data
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
        present, left_out = runs_with_data(configs)
        for line in left_out:
            self._say(line)
        from olsrepro.launchers.many import run_many

        launched = run_many(present, self.console)
        return replace(launched, failed=(*launched.failed, *left_out))

    def _say(self, line: str) -> None:
        if rank_info().rank == 0:
            self.console.print(line, markup=False, highlight=False)
