"""Plain listings for a terminal."""

from __future__ import annotations

from collections.abc import Sequence


def listing(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Write a listing as wide as the terminal; the last column is wrapped where it does not fit, nothing is cut.

    Columns of numbers are aligned on the right.
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
    console = PrintableConsole(color_system=None)
    with console.capture() as text:  # Rich itself ends the process with 1 where the reader leaves (`| head`)
        console.print(table)
    return "\n".join(line.rstrip() for line in text.get().rstrip("\n").splitlines())
