"""Choice of the cells that are printed bold (docs/claims.md, section 7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from olsrepro.experiments.claims.evidence import Evidence
from olsrepro.experiments.experiment import CellKey, Experiment
from olsrepro.experiments.statistics import ALPHA, Sample


def best_cells(
    experiment: Experiment, samples: Mapping[CellKey, Sample], rivals: Iterable[CellKey]
) -> frozenset[CellKey]:
    """Return the best of several cells of one metric, as far as the runs can tell.

    The best mean alone if its advantage over the runner-up is significant (pooled and by Welch), else all that are not
    significantly worse. No cell where a rival is a single run, where two runs lack a pool, or where neither direction
    is better.

    Args:
        experiment: whose cells they are.
        samples: by cell; all of the experiment's, because they share variances.
        rivals: the cells of a column, or of a row; those without a number and those that the paper quotes don't count.
    """
    evidence = Evidence(experiment, samples)
    cells = [cell for cell in rivals if cell in samples and not _quoted(experiment, cell)]
    if len(cells) < 2 or any(evidence.too_few({cell: 1.0}) for cell in cells):
        return frozenset()
    direction = {"lower": 1.0, "higher": -1.0}.get(experiment.metric_of(cells[0]).better)
    if direction is None:
        return frozenset()
    best, runner_up, *_ = sorted(cells, key=lambda cell: direction * samples[cell].mean)
    if differ(evidence, best, runner_up):
        return frozenset({best})
    return frozenset(cell for cell in cells if cell == best or not differ(evidence, best, cell))


def differ(evidence: Evidence, a: CellKey, b: CellKey) -> bool:
    """Return whether two cells differ at .05, both with the pooled variance and with their own."""
    weights = {a: 1.0, b: -1.0}
    pooled, own = evidence.pooled(weights), evidence.own(weights)
    return pooled is not None and own is not None and max(pooled.p, own.p) < ALPHA


def _quoted(experiment: Experiment, cell: CellKey) -> bool:
    return bool(experiment.rows[cell[0]].quoted or experiment.columns[cell[1]].quoted)
