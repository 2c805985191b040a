"""Data of pictures of points and of curves, from a table and the curves of its cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from olsrepro.experiments.experiment import CellKey, Line
from olsrepro.experiments.render import plot_data
from olsrepro.experiments.render.cells import drawn_cells
from olsrepro.experiments.render.plot_data import Curves
from olsrepro.experiments.table import Table
from olsrepro.report.figure_data import Axis, Curve, CurvePanel, Point, Series
from olsrepro.settings import UserError

_Numbers = tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...], tuple[float, ...]]
"""Epochs; mean, least and greatest at each."""


def series_of(table: Table) -> list[Series]:
    """Make a series for each line of the axis without ``x``, of our numbers and the paper's, as far as they exist.

    Raises:
        UserError: neither axis has an ``x`` throughout.
    """
    along_rows, places = _numerical_axis(table)
    own: dict[str, list[Point]] = {}
    printed: dict[str, list[Point]] = {}
    for item in plot_data.points(table):
        key, place = (item["column"], item["row"]) if along_rows else (item["row"], item["column"])
        own.setdefault(key, []).append(Point(places[place], item["mean"], item["sd"]))
    for row, column, cell in drawn_cells(table):
        key, place = (column.key, row.key) if along_rows else (row.key, column.key)
        if cell.paper is not None:
            printed.setdefault(key, []).append(Point(places[place], cell.paper.mean, cell.paper.sd))
    lines = table.columns if along_rows else table.rows
    return [Series(line.label, _rising(own.get(line.key, ())), _rising(printed.get(line.key, ()))) for line in lines]


def axis_of(table: Table) -> Axis:
    """Return the numerical axis, named after its sweep, with its places named after their lines.

    Raises:
        UserError: neither axis has an ``x`` throughout.
    """
    along_rows, places = _numerical_axis(table)
    lines = table.rows if along_rows else table.columns
    names = tuple(sorted((places[line.key], line.label) for line in lines))
    return Axis(table.experiment.sweep.replace("_", " "), names)


def metric_label(table: Table) -> str:
    """Return the label of the first cell's metric, with its unit; a picture of points has one metric."""
    return next((cell.metric.label for cell in table.cells.values()), "")


def panels_of(table: Table, curves: Curves) -> list[list[CurvePanel]]:
    """Arrange panels: column groups side by side, columns of one label in one line; one line if they form no grid."""
    drawn = {
        key: _curve(list(items))
        for key, items in groupby(plot_data.epochs(table, curves), key=lambda item: (item["row"], item["column"]))
    }
    grid = _grid(table.columns)
    return [[_panel(table, column, drawn, is_alone=len(grid) == 1) for column in line] for line in grid]


def _numerical_axis(table: Table) -> tuple[bool, Mapping[str, float]]:
    """Find the numerical axis: (whether it runs along the rows, the place of each of its lines)."""
    for along_rows, lines in ((False, table.columns), (True, table.rows)):
        places = {line.key: line.x for line in lines if line.x is not None}
        if lines and len(places) == len(lines):
            return along_rows, places
    name = table.experiment.name
    raise UserError(f"{name} has no axis to draw points along: give each of its columns (or rows) an x in its file")


def _rising(points: Iterable[Point]) -> tuple[Point, ...]:
    return tuple(sorted(points, key=lambda point: point.x))


def _curve(items: Sequence[Mapping[str, Any]]) -> _Numbers:
    epochs, mean, low, high = (tuple(item[key] for item in items) for key in ("x", "mean", "min", "max"))
    return epochs, mean, low, high


def _grid(columns: Sequence[Line]) -> list[list[Line]]:
    by_place = {(column.label, column.group): column for column in columns}
    labels, groups = (list(dict.fromkeys(keys)) for keys in zip(*by_place, strict=True))
    if len(groups) < 2 or not len(labels) * len(groups) == len(by_place) == len(columns):
        return [list(columns)]
    return [[by_place[label, group] for group in groups] for label in labels]


def _panel(table: Table, column: Line, drawn: Mapping[CellKey, _Numbers], is_alone: bool) -> CurvePanel:
    """Make a panel, titled by its whole name in a single line of panels, but by its group alone in a grid."""
    metrics = (cell.metric for row in table.rows if (cell := table.cells.get((row.key, column.key))))
    label = next((metric.label for metric in metrics), "")
    curves = tuple(Curve(row.label, *drawn.get((row.key, column.key), ())) for row in table.rows)
    name = ", ".join(text for text in (column.group, column.label) if text) if is_alone else column.group
    return CurvePanel(name, label, curves)
