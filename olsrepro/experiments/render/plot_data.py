"""Data that figures are drawn from, as CSV or JSON: points on an axis, curves over epochs, labels, embedded samples.

A line for each point: ``experiment``, ``row``, ``column``, ``series`` (its label), ``x`` (its place on the axis; the
epoch of a curve, from 1; the class of a label, from 0), ``y`` (of embedded samples, whose ``x`` and ``y`` only show
which lie close together), ``name`` (of a class), ``metric``, ``n`` (runs; for a curve those that reached the epoch),
``mean``, ``sd``, ``low`` and ``high`` (the 95 % interval of the mean, by its own spread), ``min``, ``max``.
Numbers are as computed, not rounded; a missing one is empty. Preset, selection rule and seeds go with them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from olsrepro.checks import did_you_mean
from olsrepro.experiments.evaluated import Evaluated
from olsrepro.experiments.experiment import CellKey
from olsrepro.experiments.render import csv, json
from olsrepro.experiments.render.cells import drawn_cells
from olsrepro.experiments.statistics import Sample, own_spread_contrast
from olsrepro.experiments.table import Interval, Table
from olsrepro.printing.text import printable
from olsrepro.settings import UserError

Curves = Mapping[CellKey, Sequence[Sequence[float]]]
"""Series by cell: one for each run, with one number per epoch."""

PLOT_FORMATS = ("csv", "json")
FIELDS = ("row", "column", "series", "x", "y", "name", "metric", "n", "mean", "sd", "low", "high", "min", "max")


@dataclass(frozen=True)
class Plotted:
    """A figure with the data that it is drawn from.

    Attributes:
        table: its cells, with everything that a reader must know about them.
        curves: for a figure drawn as curves.
        evaluated: by cell, for a figure drawn as bars or as an embedding.
    """

    table: Table
    curves: Curves | None = None
    evaluated: Mapping[CellKey, Evaluated] = field(default_factory=dict)

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield a line of ``FIELDS``, or of some of them, for each point."""
        kind = self.table.experiment.kind
        if kind == "bars":
            return labels(self.table, self.evaluated)
        if kind == "embedding":
            return samples(self.table, self.evaluated)
        return points(self.table) if self.curves is None else epochs(self.table, self.curves)


def plot_data(figures: Sequence[Plotted], format: str) -> str:
    """Write the numbers behind figures as CSV or JSON.

    Args:
        figures: with the data that they are drawn from.
        format: ``csv``, with one header, or ``json``: an object with ``points``, or a list of several.

    Raises:
        UserError: the format is neither.
    """
    if format not in PLOT_FORMATS:
        raise UserError(f"format={format} is not known for plot data; {did_you_mean(format, PLOT_FORMATS)}")
    lines = [(figure.table, figure.lines()) for figure in figures]
    if format == "csv":
        named = (csv.provenance(table) | line for table, own in lines for line in own)
        return printable(csv.to_csv(named, (*csv.PROVENANCE, *FIELDS)))
    objects = [{**json.provenance(table), "kind": table.experiment.kind, "points": list(own)} for table, own in lines]
    return printable(json.to_json(objects[0] if len(objects) == 1 else objects))


def points(table: Table) -> Iterator[dict[str, Any]]:
    """Yield a line of ``FIELDS`` for each cell with runs; a series runs along the axis whose lines have an ``x``."""
    for row, column, cell in drawn_cells(table):
        if cell.values:
            series, x = (row, column.x) if column.x is not None else (column, row.x)
            place = {"row": row.key, "column": column.key, "series": series.label, "x": x, "metric": cell.metric.name}
            yield place | _spread(cell.values.values())


def epochs(table: Table, curves: Curves) -> Iterator[dict[str, Any]]:
    """Yield a line of ``FIELDS`` for each epoch of each cell that has curves, over the runs that reached it."""
    for row, column, cell in drawn_cells(table):
        series = f"{row.label}, {column.label}"
        place = {"row": row.key, "column": column.key, "series": series, "x": 0, "metric": cell.metric.name}
        for epoch, values in enumerate(zip_longest(*curves.get((row.key, column.key), ())), 1):
            yield place | {"x": epoch} | _spread([value for value in values if value is not None])


def labels(table: Table, evaluated: Mapping[CellKey, Evaluated]) -> Iterator[dict[str, Any]]:
    """Yield a line for each class of each cell's label."""
    for row, column, _ in drawn_cells(table):
        if (one := evaluated.get((row.key, column.key))) is not None:
            detail = one.record["detail"]
            place = {"row": row.key, "column": column.key, "series": row.label, "metric": "label", "n": 1}
            for number, (name, value) in enumerate(zip(detail["class_names"], detail["row"], strict=True)):
                yield place | {"x": number, "name": name, "mean": value}


def samples(table: Table, evaluated: Mapping[CellKey, Evaluated]) -> Iterator[dict[str, Any]]:
    """Yield a line for each embedded sample of each cell."""
    for row, column, cell in drawn_cells(table):
        one = evaluated.get((row.key, column.key))
        if one is not None and (found := one.embedded()) is not None:
            place = {"row": row.key, "column": column.key, "series": row.label, "metric": cell.metric.name}
            for (x, y), label in zip(found.points.tolist(), found.labels.tolist(), strict=True):
                yield place | {"x": x, "y": y, "name": found.class_names[label]}


def _spread(values: Collection[float]) -> dict[str, Any]:
    """Summarise one number or more: count, mean, sd, interval of the mean, least and greatest."""
    sample = Sample.of(values)
    estimate = own_spread_contrast([(1.0, sample)])
    limits = estimate.interval if estimate else Interval(sample.mean)
    numbers = (sample.n, sample.mean, sample.sd, limits.low, limits.high, min(values), max(values))
    return dict(zip(FIELDS[-len(numbers) :], numbers, strict=True))
