"""Tables as comma-separated values (RFC 4180), in long form: a line for each cell, with everything known about it.

Numbers are as computed, not rounded; a missing one is empty. Several numbers in one field are separated by blanks,
footnotes by bars.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO

from olsrepro.experiments.experiment import Line
from olsrepro.experiments.render.caption import footnotes
from olsrepro.experiments.render.cells import drawn_cells, inferred_n
from olsrepro.experiments.render.layout import Options
from olsrepro.experiments.table import Cell, Table

Field = str | int | float | bool | None


PROVENANCE = ("experiment", "preset", "select", "seeds", "overrides", "commits", "devices")


def render(tables: Sequence[Table], options: Options) -> str:
    """Write the cells of all tables under one header; ``experiment`` tells them apart. The options change nothing."""
    lines = [fields for table in tables for fields in _lines(table)]
    return to_csv(lines, list(lines[0]))


def to_csv(lines: Iterable[Mapping[str, Field]], header: Sequence[str]) -> str:
    """Write lines under a header of their keys, with the line breaks of RFC 4180."""
    text = StringIO(newline="")
    writer = csv.DictWriter(text, header)
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def provenance(table: Table) -> dict[str, Field]:
    """Return the fields that go with every number."""
    lists = (table.seeds, table.overrides, table.commits)
    joined = (" ".join(map(str, items)) for items in lists)
    fields = (table.experiment.name, table.preset, table.select, *joined, "; ".join(table.devices))
    return dict(zip(PROVENANCE, fields, strict=True))


def _lines(table: Table) -> Iterator[dict[str, Field]]:
    notes = footnotes(table)
    for row, column, cell in drawn_cells(table):
        marked = " | ".join(notes[mark - 1] for mark in cell.marks)
        yield {
            **provenance(table),
            **_place(row, column),
            **_ours(cell),
            **_paper(table, cell),
            "footnotes": marked,
        }


def _place(row: Line, column: Line) -> dict[str, Field]:
    return {
        "row": row.key,
        "row_label": row.label,
        "row_group": row.group,
        "column": column.key,
        "column_label": column.label,
        "column_group": column.group,
        "quoted": row.quoted,
    }


def _ours(cell: Cell) -> dict[str, Field]:
    return {
        "metric": cell.metric.name,
        "better": cell.metric.better,
        "state": cell.state,
        "wanted": cell.wanted,
        "n": cell.n,
        "mean": cell.mean,
        "sd": cell.sd,
        "values": " ".join(f"{seed}={value!r}" for seed, value in sorted(cell.values.items())),
        "bold": cell.bold,
    }


def _paper(table: Table, cell: Cell) -> dict[str, Field]:
    paper, difference = cell.paper, cell.difference
    return {
        "paper_mean": paper.mean if paper else None,
        "paper_sd": paper.sd if paper else None,
        "paper_n": paper.n if paper else None,
        "paper_n_inferred": inferred_n(table, cell),
        "difference": difference.difference if difference else None,
        "difference_low": difference.low if difference else None,
        "difference_high": difference.high if difference else None,
        "difference_word": difference.word if difference else None,
    }
