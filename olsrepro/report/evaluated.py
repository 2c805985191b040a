"""Bars and scatter plots from evaluations: labels as bars, embeddings as points."""

from __future__ import annotations

from collections.abc import Mapping

from olsrepro.experiments.evaluated import Evaluated
from olsrepro.experiments.experiment import CellKey
from olsrepro.experiments.metrics import Metric
from olsrepro.experiments.table import Table
from olsrepro.report.figure_data import Bars, Scatter


def bars_of(table: Table, found: Mapping[CellKey, Evaluated]) -> dict[CellKey, Bars]:
    """Return the evaluated soft labels as bars, by cell."""
    titles = _titles(table)
    return {
        cell: Bars(
            titles[cell],
            one.record["detail"]["class_names"],
            one.record["detail"]["row"],
            one.record["detail"]["target"],
        )
        for cell, one in found.items()
    }


def scatters_of(table: Table, found: Mapping[CellKey, Evaluated]) -> dict[CellKey, Scatter]:
    """Return embedded samples by cell, each with its measured number; cells without points are left out."""
    titles, drawn = _titles(table), {}
    for cell, one in found.items():
        if (samples := one.embedded()) is not None:
            number = _number(table.cells[cell].metric, one.record["values"])
            drawn[cell] = Scatter(titles[cell], samples.points, samples.labels, number, samples.class_names)
    return drawn


def _number(measured: Metric, values: Mapping[str, float]) -> str:
    """Write a measured number with its name; empty where the evaluation has none."""
    if measured.name not in values:
        return ""
    return f"{measured.name.replace('_over_', '/')} {values[measured.name]:.{measured.decimals}f}"


def _titles(table: Table) -> dict[CellKey, str]:
    several = len(table.columns) > 1
    return {
        (row.key, column.key): f"{row.label}, {column.label}" if several else row.label
        for row in table.rows
        for column in table.columns
    }
