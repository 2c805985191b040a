"""What figures are drawn from, as CSV or JSON: points along an axis, or curves over epochs.

A line for each point: ``experiment``, ``row``, ``column``, ``series`` (the label of what it lies on), ``x`` (its place
on the axis; of a curve the epoch, from 1), ``metric``, ``n`` (runs; of a curve those that reached the epoch), ``mean``,
``sd``, ``low`` and ``high`` (the 95 % interval of the mean, by its own spread), ``min``, ``max``. Numbers are as
computed, not rounded; what is not there is empty. Preset, selection rule and seeds go with them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from olsrepro.experiments.experiment import CellKey
from olsrepro.experiments.render import csv, json
from olsrepro.experiments.render.cells import drawn_cells
from olsrepro.experiments.statistics import Sample, own_spread_contrast
from olsrepro.experiments.table import Interval, Table
from olsrepro.settings import UserError, did_you_mean

Curves = Mapping[CellKey, Sequence[Sequence[float]]]
"""For each cell one series a run, a number an epoch."""

PLOT_FORMATS = ("csv", "json")
FIELDS = ("row", "column", "series", "x", "metric", "n", "mean", "sd", "low", "high", "min", "max")


def plot_data(figures: Sequence[tuple[Table, Curves | None]], format: str) -> str:
    """The numbers behind figures.

    Args:
        figures: tables, with the curves of one that is drawn as curves; None: its cells are points.
        format: ``csv``, with one header, or ``json``: an object with ``points``, or a list of several.

    Raises:
        UserError: the format is neither.
    """
    if format not in PLOT_FORMATS:
        raise UserError(f"format={format} is not known for plot data; {did_you_mean(format, PLOT_FORMATS)}")
    lines = [(table, _points(table) if curves is None else _epochs(table, curves)) for table, curves in figures]
    if format == "csv":
        named = (csv.provenance(table) | line for table, own in lines for line in own)
        return csv.to_csv(named, (*csv.PROVENANCE, *FIELDS))
    objects = [{**json.provenance(table), "kind": table.experiment.kind, "points": list(own)} for table, own in lines]
    return json.to_json(objects[0] if len(objects) == 1 else objects)


def _points(table: Table) -> Iterator[dict[str, Any]]:
    """Cells that have runs; a series runs along the axis whose lines have an ``x``."""
    for row, column, cell in drawn_cells(table):
        if cell.values:
            series, x = (row, column.x) if column.x is not None else (column, row.x)
            place = {"row": row.key, "column": column.key, "series": series.label, "x": x, "metric": cell.metric.name}
            yield place | _spread(cell.values.values())


def _epochs(table: Table, curves: Curves) -> Iterator[dict[str, Any]]:
    for row, column, cell in drawn_cells(table):
        series = f"{row.label}, {column.label}"
        place = {"row": row.key, "column": column.key, "series": series, "x": 0, "metric": cell.metric.name}
        for epoch, values in enumerate(zip_longest(*curves.get((row.key, column.key), ())), 1):
            yield place | {"x": epoch} | _spread([value for value in values if value is not None])


def _spread(values: Collection[float]) -> dict[str, Any]:
    """Of one number or more: how many, their mean, and how far apart they are."""
    sample = Sample.of(values)
    estimate = own_spread_contrast([(1.0, sample)])
    limits = estimate.interval if estimate else Interval(sample.mean)
    numbers = (sample.n, sample.mean, sample.sd, limits.low, limits.high, min(values), max(values))
    return dict(zip(FIELDS[-len(numbers) :], numbers, strict=True))
