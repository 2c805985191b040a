"""Tables in GitHub's Markdown, each under a heading."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from olsrepro.experiments.render.caption import claim_texts, footnotes, head, notes, title
from olsrepro.experiments.render.layout import BOLD, FAINT, MARK, Entry, Options, Piece, TableLayout, layout
from olsrepro.experiments.table import Table

_AROUND = {BOLD: ("**", "**"), FAINT: ("*", "*"), MARK: ("<sup>", "</sup>")}
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def render(tables: Sequence[Table], options: Options) -> str:
    """Write tables one below the other, each under a heading of its own; ``options.width`` has no effect."""
    return "\n".join("\n".join(_sections(table, options.columns)) for table in tables)


def _sections(table: Table, columns: str) -> Iterator[str]:
    yield f"### {escape(title(table))}\n"
    yield _lines(f"- {key}: {escape(text)}" for key, text in head(table))
    yield _grid(layout(table, columns))
    if table.footnotes:
        yield _lines(f"{number}. {escape(text)}" for number, text in enumerate(footnotes(table), 1))
    yield from (f"{escape(note)}\n" for note in notes(table, columns))
    if table.verdicts:
        yield _claims(table)


def escape(text: str) -> str:
    """Escape every character that Markdown or HTML could take for markup."""
    return re.sub(r"[\\`*_~|&<>]", lambda match: _ENTITIES.get(match[0], f"\\{match[0]}"), text)


def _lines(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _row(places: Sequence[str]) -> str:
    return f"| {' | '.join(places)} |"


def _grid(grid: TableLayout) -> str:
    stub = ["", ""] if grid.has_sources else [""]
    heads = [", ".join(filter(None, pair)) for pair in zip(grid.groups, grid.heads, strict=True)]
    lines = [_row([*stub, *map(escape, heads)]), _row(["---"] * (len(stub) + len(heads)))]
    for heading, block in grid.headed_blocks():
        if heading:
            lines.append(_row([f"**{escape(heading)}**", *stub[1:], *("" for _ in heads)]))
        for line in block.lines:
            own = [escape(line.label), escape(line.source)][: len(stub)]
            lines.append(_row([*own, *(_text(entry) for entry in line.entries)]))
    return _lines(iter(lines))


def _text(entry: Entry) -> str:
    return "".join(_piece(piece) for piece in entry)


def _piece(piece: Piece) -> str:
    """Mark up a piece, with the blanks around it outside: inside, they would keep it from being read as markup."""
    before, after = _AROUND.get(piece.style, ("", ""))
    bare = piece.text.strip()
    return escape(piece.text).replace(escape(bare), f"{before}{escape(bare)}{after}", 1)


def _claims(table: Table) -> str:
    texts = ([claim.id, claim.verdict, claim.says, claim.details] for claim in claim_texts(table))
    lines = (["claim", "verdict", "it says", "why"], ["---"] * 4, *([escape(text) for text in item] for item in texts))
    return _lines(_row(line) for line in lines)
