"""Plain listings on a terminal."""

from __future__ import annotations

from collections.abc import Sequence


def listing(head: Sequence[str], rows: Sequence[Sequence[object]], fold: int = -1) -> str:
    """A listing as text, as wide as the terminal; the column ``fold`` is folded where it does not fit, never cut."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*head, box=box.SIMPLE)
    for row in rows:
        table.add_row(*(escape(str(cell)) for cell in row))
    table.columns[0].no_wrap = True  # a name is there to be typed
    table.columns[fold].overflow = "fold"
    console = Console()
    with console.capture() as text:  # Rich itself ends the process with 1 where the reader leaves (`| head`)
        console.print(table)
    return text.get().rstrip("\n")
