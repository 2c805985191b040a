"""Cells of a table, in the order in which every format draws them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from olsrepro.experiments.experiment import CellKey, Line
from olsrepro.experiments.table import MISSING, QUOTED, Cell, Table


def drawn_rows(table: Table) -> tuple[Line, ...]:
    """Return all rows, the average row last."""
    return table.rows if table.average is None else (*table.rows, Line(*table.average))


def drawn_cells(table: Table) -> Iterator[tuple[Line, Line, Cell]]:
    """Yield (row, column, cell) of every cell that there is, row by row."""
    for row in drawn_rows(table):
        for column in table.columns:
            if (cell := drawn_cell(table, (row.key, column.key))) is not None:
                yield row, column, cell


def drawn_cell(table: Table, key: CellKey) -> Cell | None:
    """Return a cell as every format shows it; None where the table has none.

    A cell of the average row has no number of ours if any cell that it averages, or one of the baseline, has none.
    """
    cell = table.cells.get(key)
    if cell is None or table.average is None or key[0] != table.average[0] or _has_all_under_it(table, key[1]):
        return cell
    return replace(cell, state=MISSING, values={}, mean=None, sd=None, difference=None, bold=False)


def inferred_n(table: Table, cell: Cell) -> int | None:
    """Return the number of runs that we assume for the paper's number, where it prints an sd without one."""
    is_silent = cell.paper is not None and cell.paper.sd is not None and cell.paper.n is None
    return table.experiment.paper_n_inferred if is_silent else None


def _has_all_under_it(table: Table, column: str) -> bool:
    average = table.experiment.average
    averaged = {column, average.baseline.get(column, column) if average else column}
    under = (table.cells.get((row.key, name)) for row in table.rows for name in averaged)
    return all(cell.mean is not None for cell in under if cell is not None and cell.state != QUOTED)
