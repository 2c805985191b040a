"""Pictures of tables, drawn by the kind of their experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from olsrepro.experiments.experiment import CellKey, Experiment, Line
from olsrepro.experiments.render.plot_data import Curves, Plotted
from olsrepro.experiments.table import Table
from olsrepro.report.bars import draw_bars
from olsrepro.report.caption import words
from olsrepro.report.curves import draw_curves
from olsrepro.report.embedding import draw_embedding
from olsrepro.report.evaluated import bars_of, scatters_of
from olsrepro.report.figure_data import Bars, Missing, Scatter
from olsrepro.report.points import draw_points
from olsrepro.report.table_data import axis_of, metric_label, panels_of, series_of
from olsrepro.settings import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Drawn = TypeVar("Drawn", Bars, Scatter)


def check_drawable(experiment: Experiment) -> None:
    """Refuse an experiment that has no picture, before anything is trained for it.

    Raises:
        UserError: the experiment is a table.
    """
    if experiment.kind == "table":
        raise UserError(
            f"{experiment.name} is a table and has no picture; write it as markdown, latex, csv or json instead"
        )


def draw(figure: Plotted) -> Figure:
    """Draw a figure with the data that belongs to it."""
    table, kind = figure.table, figure.table.experiment.kind
    return picture(
        table,
        figure.curves,
        bars=bars_of(table, figure.evaluated) if kind == "bars" else None,
        scatters=scatters_of(table, figure.evaluated) if kind == "embedding" else None,
    )


def picture(
    table: Table,
    curves: Curves | None = None,
    bars: Mapping[CellKey, Bars] | None = None,
    scatters: Mapping[CellKey, Scatter] | None = None,
) -> Figure:
    """Draw the picture of a figure's table; it is complete before any run is, with nothing in its panels.

    Args:
        table: its content, with everything that the caption must say.
        curves: of its cells, for kind ``curves``.
        bars: by cell, for kind ``bars``.
        scatters: by cell, for kind ``embedding``.

    Raises:
        UserError: the experiment is a table, or points have no axis.
    """
    check_drawable(table.experiment)
    kind = table.experiment.kind
    if kind == "points":
        return draw_points(series_of(table), axis_of(table), metric_label(table), words(table))
    if kind == "curves":
        return draw_curves(panels_of(table, curves or {}), words(table))
    if kind == "bars":
        return draw_bars(_panels(table, bars or {}), words(table))
    return draw_embedding(_panels(table, scatters or {}), words(table))


def _panels(table: Table, found: Mapping[CellKey, Drawn]) -> list[list[Drawn | Missing]]:
    """Arrange panels with the rows of the experiment side by side, its columns one below the other."""
    return [
        [found.get((row.key, column.key)) or Missing(_title(table, row, column)) for row in table.rows]
        for column in table.columns
    ]


def _title(table: Table, row: Line, column: Line) -> str:
    return f"{row.label}, {column.label}" if len(table.columns) > 1 else row.label
