"""Tables for a terminal or a text file, drawn with Rich; one that is too wide is split into several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO

from rich import box
from rich.console import RenderableType
from rich.table import Table as Drawing
from rich.text import Text

from olsrepro.experiments.render import fit
from olsrepro.experiments.render.caption import claim_texts, footnotes, head, notes, title
from olsrepro.experiments.render.layout import BOLD, MARK, Entry, Options, Piece, TableLayout, layout
from olsrepro.experiments.table import Table
from olsrepro.printing.console import PrintableConsole
from olsrepro.printing.width import ENDLESS, text_width

SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_STYLES = {"bold": "bold", "faint": "bright_black"}
_VERDICT_STYLES = {"HOLDS": "green", "FAILS": "red", "undecided": "yellow", "—": "dim"}
_GAP = 2
_NARROWEST_LABEL = 16


@dataclass(frozen=True)
class Screen:
    """Width of lines in characters, and whether colours are allowed."""

    width: int
    color: bool

    def draw(self, item: RenderableType, width: int | None = None) -> str:
        """Draw something with Rich, without blanks at the ends of lines."""
        console = PrintableConsole(
            file=StringIO(),
            width=width or self.width,
            force_terminal=self.color,
            color_system="standard" if self.color else None,
            no_color=not self.color,
            highlight=False,
        )
        with console.capture() as drawn:
            console.print(item)
        return "".join(f"{line.rstrip()}\n" for line in drawn.get().splitlines())


def render(tables: Sequence[Table], options: Options) -> str:
    """Draw tables one below the other.

    Args:
        tables: in order.
        options: a width of None is that of the terminal.
    """
    screen = Screen(options.width or text_width(), options.color)
    return "\n\n".join(_table(table, options.columns, screen) for table in tables)


def _table(table: Table, columns: str, screen: Screen) -> str:
    sections = (
        screen.draw(Text(title(table), style="bold")),
        screen.draw(_pairs(head(table))),
        *_grids(layout(table, columns), screen),
        "".join(_footnote(number, text, screen) for number, text in enumerate(footnotes(table), 1)),
        "".join(screen.draw(Text(note)) for note in notes(table, columns)),
        screen.draw(_claims(table)) if table.verdicts else "",
    )
    return "\n".join(section for section in sections if section)


def _pairs(pairs: Sequence[tuple[str, str]]) -> Drawing:
    drawing = Drawing.grid(padding=(0, _GAP, 0, 0))
    drawing.add_column(no_wrap=True, style="dim")
    drawing.add_column(overflow="fold")
    for key, value in pairs:
        drawing.add_row(Text(key), Text(value))
    return drawing


def _footnote(number: int, text: str, screen: Screen) -> str:
    """Write a footnote on one line however long: a command that is broken in two can't be copied."""
    return screen.draw(Text(f"{str(number).translate(SUPERSCRIPTS)} {text}"), ENDLESS)


def _claims(table: Table) -> Drawing:
    drawing = Drawing.grid(padding=(0, _GAP, 0, 0))
    for wraps in (False, False, True):
        drawing.add_column(no_wrap=not wraps, overflow="fold")
    for claim in claim_texts(table):
        words = Text("\n").join([Text(claim.says), *([Text(claim.details, "dim")] if claim.details else [])])
        drawing.add_row(Text(claim.id), Text(claim.verdict, _VERDICT_STYLES[claim.verdict]), words)
    return drawing


def _grids(grid: TableLayout, screen: Screen) -> list[str]:
    """Draw the grid's parts, each as wide as it must be: nothing in it is cut, whatever the screen's width."""

    def seen(entry: Entry) -> str:
        return _text(entry, screen.color).plain

    longest = max(_NARROWEST_LABEL, screen.width // 4)
    widths = fit.widths(fit.wrap_labels(grid, longest), seen, longest)
    stub = widths.label + (_GAP + widths.source if grid.has_sources else 0)
    parts = fit.part_columns(grid, widths.columns, screen.width - stub, _GAP)
    labelled = (fit.wrap_labels(part, longest) for part in parts)
    return [screen.draw(_drawing(part, fit.widths(part, seen, longest), screen.color), ENDLESS) for part in labelled]


def _drawing(grid: TableLayout, widths: fit.Widths, color: bool) -> Drawing:
    drawing = Drawing(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for _ in range(2 if grid.has_sources else 1):
        drawing.add_column(no_wrap=True)
    for group, name, width in zip(grid.groups, grid.heads, widths.columns, strict=True):
        lines = [line for text in (group, name) if text for line in fit.wrapped(text, width)]
        drawing.add_column(Text("\n".join(lines)), no_wrap=True, vertical="bottom")
    for heading, block in grid.headed_blocks():
        if heading is not None:
            drawing.add_row(Text("\n".join(fit.wrapped(heading, widths.label)), "bold"))
        for line in block.lines:
            stub = (line.label, line.source) if grid.has_sources else (line.label,)
            drawing.add_row(*map(Text, stub), *(_text(entry, color) for entry in line.entries))
    return drawing


def _text(entry: Entry, color: bool) -> Text:
    return Text("").join(_styled(piece, color) for piece in entry)


def _styled(piece: Piece, color: bool) -> Text:
    """Style a piece; without colours, bold is shown by asterisks."""
    if piece.style == MARK:
        return Text(piece.text.translate(SUPERSCRIPTS))
    if piece.style == BOLD and not color:
        return Text(f"*{piece.text}*")
    return Text(piece.text, _STYLES.get(piece.style, ""))
