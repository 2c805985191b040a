"""Experiments with the runs that they want and what the store has of them: what tables and figures are built from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from olsrepro.config.run_config import RunConfig
from olsrepro.experiments.aggregate import build_table
from olsrepro.experiments.collect import FINISHED, Outcome, cell_curves, outcomes
from olsrepro.experiments.evaluated import evaluated
from olsrepro.experiments.experiment import Experiment
from olsrepro.experiments.render.plot_data import Plotted
from olsrepro.experiments.request import Request, runs_folder
from olsrepro.experiments.table import Table
from olsrepro.experiments.wanted import WantedCells, distinct, wanted_cells
from olsrepro.store.identity import run_id


@dataclass
class Filled:
    """Experiments with the runs that they want and what became of them.

    Attributes:
        experiments: in order.
        request: how they were asked for.
        wanted: the runs of each experiment's cells, by its name.
        runs_dir: the store.
        found: outcomes by run id, as of the last :meth:`look`.
    """

    experiments: Sequence[Experiment]
    request: Request
    wanted: Mapping[str, WantedCells]
    runs_dir: Path
    found: dict[str, Outcome] = field(default_factory=dict)

    def look(self) -> None:
        """Read from the store what became of every run."""
        for experiment in self.experiments:
            runs = distinct([self.wanted[experiment.name]]).values()
            self.found |= outcomes(runs, self.runs_dir, experiment.measure)

    def is_finished(self, config: RunConfig) -> bool:
        """Return whether a run was finished at the last look."""
        outcome = self.found.get(run_id(config))
        return outcome is not None and outcome.state == FINISHED

    def table(self, experiment: Experiment, command: str) -> Table:
        """Build the table of one of the experiments; footnotes name the command that fills it."""
        return build_table(experiment, self.request, self.wanted[experiment.name], self.found, command)

    def plotted(self, experiment: Experiment, command: str) -> Plotted:
        """Build the table of a figure, with the curves or evaluations that it is drawn from."""
        wanted, table = self.wanted[experiment.name], self.table(experiment, command)
        curves = cell_curves(experiment, wanted, self.found) if experiment.kind == "curves" else None
        shown = experiment.kind in ("bars", "embedding")
        return Plotted(table, curves, evaluated(wanted, self.found, table.select) if shown else {})


def want(experiments: Sequence[Experiment], request: Request) -> Filled:
    """Compose and check every run of the experiments, and read what the store has of them.

    Raises:
        UserError: a run does not compose, or an override removes an axis; nothing was started.
    """
    wanted = {experiment.name: wanted_cells(experiment, request) for experiment in experiments}
    filled = Filled(experiments, request, wanted, runs_folder(request))
    filled.look()
    return filled
