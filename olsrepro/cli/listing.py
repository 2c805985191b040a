"""Plain listings: columns for a terminal, or JSON."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence

from olsrepro.checks import did_you_mean
from olsrepro.settings import UserError

FORMATS = ("terminal", "json")

LEAST = 20
"""Narrowest last column, in characters: a narrower terminal breaks lines, but no cell is cut."""

ENDLESS = 10_000


def add_format_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--format`` of a command that prints a listing."""
    parser.add_argument("--format", default="terminal", metavar="F", help=", ".join(FORMATS))


def is_json(arguments: argparse.Namespace) -> bool:
    """Return whether ``--format`` asks for JSON; refuse a format that is not known (:class:`UserError`)."""
    if arguments.format not in FORMATS:
        raise UserError(f"--format {arguments.format} is not known; {did_you_mean(arguments.format, FORMATS)}")
    return bool(arguments.format == "json")


def print_listing(head: Sequence[str], rows: Sequence[Sequence[object]], arguments: argparse.Namespace) -> None:
    """Print a listing in the format of ``--format``."""
    print(listing_json(head, rows) if is_json(arguments) else listing(head, rows))


def listing(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Write a listing as wide as the terminal; the last column is wrapped where it does not fit, nothing is cut.

    Where the output is no terminal, nothing is wrapped. Columns of numbers are aligned on the right.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from olsrepro.printing.console import PrintableConsole

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for place, name in enumerate(head):
        is_number = all(isinstance(row[place], int | float) for row in rows)
        is_last = place == len(head) - 1
        table.add_column(name, justify="right" if is_number else "left", no_wrap=not is_last, overflow="fold")
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    console = PrintableConsole(width=_width(head, rows), color_system=None)
    lines = console.render_lines(table, pad=False)
    return "\n".join("".join(segment.text for segment in line).rstrip() for line in lines).rstrip("\n")


def _width(head: Sequence[str], rows: Sequence[Sequence[object]]) -> int:
    """Return the terminal's width, or what all columns but the last need and :data:`LEAST` for that one."""
    if not sys.stdout.isatty():
        return ENDLESS
    from rich.cells import cell_len

    columns = list(zip(head, *(map(str, row) for row in rows), strict=True))
    needed = sum(2 + max(map(cell_len, column)) for column in columns[:-1]) + LEAST
    return max(shutil.get_terminal_size((80, 24)).columns, needed)


def listing_json(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Write a listing as JSON: a list of objects, whose keys are the headings with ``_`` for a blank."""
    keys = [name.replace(" ", "_") for name in head]
    return json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=2)
