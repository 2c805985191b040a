"""Tables as JSON: the whole table model, for programs.

One table is an object, several are a list of them. Numbers are as computed, not rounded; a missing one is null.

===============  ======================================================================================================
schema           1; raised when a key changes its meaning or is removed
experiment       its name; ``title``, ``place`` in the paper, ``kind`` and ``note`` as its file says
preset           of the runs; ``select`` is the selection rule, ``seeds`` those wanted of every cell, ``overrides``
                 what the user changed
caption          what a reader must know in words, by subject: among them what the preset and the rule mean
complete         whether every cell that has runs has all of them
rows, columns    ``key``, ``label``, ``group``, ``metric``, ``quoted`` (its source), ``x`` (its place on an axis)
average          ``key`` and ``label`` of the row of mean gains, or null
metrics          by name: ``label``, ``better``, ``decimals``, ``words`` (by value)
cells            ``row``, ``column``, ``metric``, ``state``, ``wanted`` and ``n`` runs, ``values`` by seed, ``mean``,
                 ``sd``, ``bold``, ``paper`` (``mean``, ``sd``, ``n``, ``n_inferred``), ``difference`` from the paper
                 (``difference``, ``low``, ``high``, ``word``), ``marks`` (numbers of footnotes)
pools            variances that were pooled: ``name``, ``sd``, ``df``
families         size of the Holm family by metric
verdicts         ``claim``, ``says``, ``verdict``, ``reason``, ``trend``, ``margin``, ``gain``, ``paper`` (verdict on
                 the paper's own numbers), ``comparisons`` (``better`` and ``worse`` as [row, column], ``gain``,
                 ``p_pooled``, ``p_holm``, ``p_welch``, ``paper_gain``, ``verdict``, ``reason``)
commits          of the code behind the runs, ``devices`` that they ran on
footnotes        by number, from 1; ``notes`` have none
===============  ======================================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from olsrepro.experiments.experiment import Line
from olsrepro.experiments.render.caption import head
from olsrepro.experiments.render.cells import drawn_cells, inferred_n
from olsrepro.experiments.render.layout import Options
from olsrepro.experiments.table import Cell, Interval, Table

SCHEMA = 1
_LINE_KEYS = ("key", "label", "group", "metric", "quoted", "x")


def render(tables: Sequence[Table], options: Options) -> str:
    """Write one object, or a list of several. The options change nothing."""
    objects = [as_object(table) for table in tables]
    return to_json(objects[0] if len(objects) == 1 else objects)


def to_json(item: object) -> str:
    """Format an object as indented, readable JSON."""
    return json.dumps(item, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_object(table: Table) -> dict[str, Any]:
    """Return a table as plain containers, with the keys described above."""
    experiment = table.experiment
    metrics = {cell.metric.name: cell.metric for _, _, cell in drawn_cells(table)}
    return {
        **provenance(table),
        "title": experiment.title,
        "place": experiment.place,
        "kind": experiment.kind,
        "note": experiment.note,
        "caption": dict(head(table)),
        "complete": table.is_complete,
        "rows": [_line(row) for row in table.rows],
        "columns": [_line(column) for column in table.columns],
        "average": dict(zip(("key", "label"), table.average, strict=True)) if table.average else None,
        "metrics": {name: _metric(asdict(metric)) for name, metric in metrics.items()},
        "cells": [_cell(table, row, column, cell) for row, column, cell in drawn_cells(table)],
        "pools": [asdict(pool) for pool in table.pools],
        "families": dict(table.families),
        "verdicts": [asdict(verdict) for verdict in table.verdicts],
        "footnotes": list(table.footnotes),
        "notes": list(table.notes),
    }


def provenance(table: Table) -> dict[str, Any]:
    """Return the fields that go with every number."""
    return {
        "schema": SCHEMA,
        "experiment": table.experiment.name,
        "preset": table.preset,
        "select": table.select,
        "seeds": list(table.seeds),
        "overrides": list(table.overrides),
        "commits": list(table.commits),
        "devices": list(table.devices),
    }


def _line(line: Line) -> dict[str, Any]:
    return {key: getattr(line, key) for key in _LINE_KEYS}


def _metric(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: fields[key] for key in ("label", "better", "decimals", "words")}


def _cell(table: Table, row: Line, column: Line, cell: Cell) -> dict[str, Any]:
    return {
        "row": row.key,
        "column": column.key,
        "metric": cell.metric.name,
        "state": cell.state,
        "wanted": cell.wanted,
        "n": cell.n,
        "values": {str(seed): value for seed, value in sorted(cell.values.items())},
        "mean": cell.mean,
        "sd": cell.sd,
        "bold": cell.bold,
        "paper": {**asdict(cell.paper), "n_inferred": inferred_n(table, cell)} if cell.paper else None,
        "difference": _interval(cell.difference),
        "marks": list(cell.marks),
    }


def _interval(interval: Interval | None) -> dict[str, Any] | None:
    return None if interval is None else {**asdict(interval), "word": interval.word}
