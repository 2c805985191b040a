"""Grid that every text format draws: what each line shows, as pieces of text with a style, before any markup."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from olsrepro.experiments.experiment import Line
from olsrepro.experiments.render.cells import drawn_cell, drawn_rows, inferred_n
from olsrepro.experiments.render.number_text import interval_text, mean_text, spread_text
from olsrepro.experiments.table import QUOTED, Cell, Table

PLAIN, BOLD, FAINT, MARK = "", "bold", "faint", "mark"
"""Styles of a piece; a mark is set as a superscript."""

COLUMNS = ("both", "ours")
NOTHING = "—"
_OURS = {"best": "ours, best", "last": "ours, last", "mean_of_last_ten": "ours, last ten"}
_PAPER, _DIFFERENCE = "paper", "ours − paper"


@dataclass(frozen=True)
class Options:
    """Options of drawing tables; see :func:`olsrepro.experiments.render.render`."""

    columns: str = "both"
    width: int | None = None
    color: bool = False


@dataclass(frozen=True)
class Piece:
    """A stretch of text in one style."""

    text: str
    style: str = PLAIN


Entry = tuple[Piece, ...]
"""Content of one place of the grid; empty for nothing."""


@dataclass(frozen=True)
class GridLine:
    """A line of a table's body.

    Attributes:
        label: of the row; empty on its second and third line.
        source: whose numbers these are; empty where only ours are shown.
        entries: one for each column.
    """

    label: str
    source: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Block:
    """Lines of one row, which stay together, and the heading of its group of rows; empty for none."""

    group: str
    lines: tuple[GridLine, ...]


@dataclass(frozen=True)
class TableLayout:
    """Headings and lines of a table's grid.

    Attributes:
        groups: for each column the heading that it shares with its neighbours; empty for none.
        heads: for each column its own heading.
        blocks: the rows.
        has_sources: whether a column beside the labels says whose numbers a line shows.
    """

    groups: tuple[str, ...]
    heads: tuple[str, ...]
    blocks: tuple[Block, ...]
    has_sources: bool

    @property
    def lines(self) -> tuple[GridLine, ...]:
        """All lines of the body, without the headings of groups."""
        return tuple(line for block in self.blocks for line in block.lines)

    def headed_blocks(self) -> Iterator[tuple[str | None, Block]]:
        """Yield (heading, row): its group's heading where a group begins, "" where one just ends, else None."""
        above = ""
        for block in self.blocks:
            yield block.group if block.group != above else None, block
            above = block.group


def layout(table: Table, columns: str = "both") -> TableLayout:
    """Lay out a table as a grid.

    Args:
        table: the table model.
        columns: ``both``: up to three lines per row, ours, the paper's and the difference; ``ours``: one line per row.
    """
    lines_of = _three_lines if columns == "both" else _one_line
    return TableLayout(
        groups=tuple(column.group for column in table.columns),
        heads=tuple(column.label for column in table.columns),
        blocks=tuple(Block(row.group, lines_of(table, row)) for row in drawn_rows(table)),
        has_sources=columns == "both",
    )


def _one_line(table: Table, row: Line) -> tuple[GridLine, ...]:
    measured = bool(table.experiment.measure)
    return (GridLine(row.label, "", _entries(table, row, lambda cell: _ours_or_quoted(cell, measured))),)


def _three_lines(table: Table, row: Line) -> tuple[GridLine, ...]:
    """Return the lines that have something to show, always with ours unless the whole row is quoted."""
    measured = bool(table.experiment.measure)
    parts = [
        ("ours" if measured else _OURS[table.select], _entries(table, row, lambda cell: _ours(cell, measured))),
        (_PAPER, _entries(table, row, lambda cell: _paper(cell, inferred_n(table, cell)))),
        (_DIFFERENCE, _entries(table, row, lambda cell: _difference(cell, measured))),
    ]
    shown = [(source, entries) for source, entries in parts if any(entries)] or parts[:1]
    labels = (row.label, "", "")
    return tuple(GridLine(label, *part) for label, part in zip(labels, shown, strict=False))


def _entries(table: Table, row: Line, text: Callable[[Cell], Entry]) -> tuple[Entry, ...]:
    cells = (drawn_cell(table, (row.key, column.key)) for column in table.columns)
    return tuple(() if cell is None else text(cell) for cell in cells)


def _ours(cell: Cell, measured: bool) -> Entry:
    """Format our number as in ``25.31 ± .18 (3)``, with its marks; nothing for a quoted cell."""
    if cell.state == QUOTED:
        return ()
    if cell.mean is None:
        return (Piece(NOTHING), *_marks(cell))
    mean = Piece(mean_text(cell.mean, cell.metric), BOLD if cell.bold else PLAIN)
    return (mean, *_spread(cell), *(() if measured else _runs(cell)), *_marks(cell))


def _marks(cell: Cell) -> Entry:
    return (Piece(",".join(str(mark) for mark in cell.marks), MARK),) if cell.marks else ()


def _spread(cell: Cell) -> Entry:
    if cell.sd is None:
        return ()
    return (Piece(f" ± {spread_text(cell.sd, cell.metric.decimals)}", FAINT if cell.n == 2 else PLAIN),)


def _runs(cell: Cell) -> Entry:
    """Show the number of runs, and of how many wanted if some are missing."""
    if not cell.n:
        return ()
    return (Piece(f" ({cell.n})" if cell.n >= cell.wanted else f" ({cell.n}/{cell.wanted})"),)


def _ours_or_quoted(cell: Cell, measured: bool) -> Entry:
    if cell.state == QUOTED and cell.paper is not None:
        return (Piece(f"{_PAPER} ", FAINT), *_paper(cell, None))
    return _ours(cell, measured)


def _paper(cell: Cell, inferred: int | None) -> Entry:
    """Format the paper's number as in ``25.24 ± .18 (3)``, with ``?`` if n is inferred; a quoted cell has its marks."""
    if cell.paper is None:
        return ()
    text = mean_text(cell.paper.mean, cell.metric)
    if cell.paper.sd is not None:
        text += f" ± {spread_text(cell.paper.sd, cell.metric.decimals)}"
    if cell.paper.n is not None:
        text += f" ({cell.paper.n})"
    elif inferred:
        text += f" ({inferred}?)"
    return (Piece(text), *(_marks(cell) if cell.state == QUOTED else ()))


def _difference(cell: Cell, measured: bool) -> Entry:
    """Format the difference as in ``+.07 [−.29, +.43] agrees``; measured facts only agree or differ."""
    if cell.difference is None:
        return ()
    text = "" if cell.metric.words else interval_text(cell.difference, cell.metric.decimals)
    word = ("differs" if cell.difference.difference else "agrees") if measured else cell.difference.word
    return (Piece(" ".join(filter(None, (text, word)))),)
