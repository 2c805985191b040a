r"""Tables in LaTeX, for a document that loads booktabs and nothing else; the text is ASCII.

A float can't be broken, so a table that is wider or longer than a page is split into several floats under one number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from olsrepro.experiments.render import fit
from olsrepro.experiments.render.caption import claim_texts, footnotes, head, notes
from olsrepro.experiments.render.layout import BOLD, FAINT, MARK, Entry, Options, Piece, TableLayout, layout
from olsrepro.experiments.table import Table

WIDTH = 92
"""Characters in a line of the smallest type across the text of LaTeX's article class."""

_LENGTH = 57  # lines of the smallest type on a page of that class, beside a caption
_HEAD = 5  # of those, what the headings and rules of a tabular take
_GAP = 2
_STOP = "."
_BREAK = r"\\"
_PRESET = "preset"
_IN_CAPTION = (_PRESET, "overrides", "seeds", "selection")
_AROUND = {BOLD: (r"\textbf{", "}"), FAINT: (r"\textit{", "}"), MARK: (r"\textsuperscript{", "}")}
_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "ε": "epsilon", "λ": "lambda", "μ": "mu", "ν": "nu", "σ": "sigma"}
_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "%_&#${}"},
    **{sign: f"${sign}$" for sign in "<>|"},
    '"': "''",
    "`": r"\textasciigrave{}",
    "±": r"$\pm$",
    "−": "$-$",
    "×": r"$\times$",
    "—": "---",
    "–": "--",
    "…": r"\dots{}",
    "·": r"$\cdot$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "∥": r"$\|$",
    "‖": r"$\|$",
    "△": r"$\triangle$",
    "Δ": r"$\Delta$",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "\u00a0": "~",
    "\0": "{}",
    **{letter: f"$\\{name}$" for letter, name in _GREEK.items()},
}


def render(tables: Sequence[Table], options: Options) -> str:
    """Write a ``table`` environment for each table, or several if it would not fit the page; each table has a new page.

    Args:
        tables: to be drawn.
        options: a width of None is ``WIDTH``.
    """
    drawn = (_table(table, options.columns, options.width or WIDTH) for table in tables)
    return "\n\\clearpage\n".join(drawn)  # LaTeX gives up on a hundred floats with nothing between them


def escape(text: str) -> str:
    """Escape text to ASCII without markup; a letter without an ASCII form becomes its code, as in ``[U+4E00]``."""
    apart = re.sub(r"-(?=-)", "-\0", text)  # two hyphens would be set as a dash: --yes
    return "".join(_ESCAPES.get(sign) or _ascii(sign) for sign in apart)


def _ascii(sign: str) -> str:
    plain = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    return plain if plain.isprintable() and plain else f"[U+{ord(sign):04X}]"


def _table(table: Table, columns: str, width: int) -> str:
    floats = list(_pages([*_grids(layout(table, columns), width), *_paragraphs(table, columns, width)]))
    numbered = [_caption(table), *[_continued(table)] * (len(floats) - 1)]
    return "\n".join(_float(caption, parts) for caption, parts in zip(numbered, floats, strict=True))


def _float(caption: str, parts: Sequence[str]) -> str:
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        caption,
        r"\par\smallskip\scriptsize",
        r"\setlength{\tabcolsep}{3pt}",
        *parts,
        r"\end{table}",
    ]
    return "".join(f"{line}\n" for line in lines)


def _pages(parts: Sequence[tuple[str, int]]) -> Iterator[list[str]]:
    """Group the texts of (text, lines) into pages; there is at least one page."""
    sizes = [lines for _, lines in parts]
    return ([text for text, _ in parts[run]] for run in fit.slices_within(sizes, _LENGTH))


def _caption(table: Table) -> str:
    place = f" ({table.experiment.place} of the paper)" if table.experiment.place else ""
    short = f"{table.experiment.title}{place}"
    text = f"{short}. {_sentences(table, in_caption=True)}"
    return f"\\caption[{{{escape(short)}}}]{{{escape(text)}}}\n\\label{{tab:{table.experiment.name}}}"


def _sentences(table: Table, in_caption: bool) -> str:
    pairs = (pair for pair in head(table) if (pair[0] in _IN_CAPTION) == in_caption)
    return " ".join(f"{key[0].upper()}{key[1:]}: {text}." for key, text in pairs)


def _continued(table: Table) -> str:
    """Write the line above a further float without a caption, which would take another number."""
    return f"\\tablename~\\thetable{{}} (continued). {escape(f'Preset: {dict(head(table))[_PRESET]}.')}"


def _paragraphs(table: Table, columns: str, width: int) -> Iterator[tuple[str, int]]:
    """Yield the texts under the numbers: (paragraph, lines)."""
    for text in _texts(table, columns):
        yield f"{{\\raggedright\\noindent {text}\\par}}", 1 + len(text) // width


def _texts(table: Table, columns: str) -> Iterator[str]:
    yield escape(_sentences(table, in_caption=False))
    for number, text in enumerate(footnotes(table), 1):
        yield f"\\textsuperscript{{{number}}} {escape(text)}"
    yield from map(escape, notes(table, columns))
    for claim in claim_texts(table):
        details = f" \\textit{{{escape(claim.details)}}}" if claim.details else ""
        yield f"\\textbf{{{escape(claim.id)}}} {escape(claim.verdict)}: {escape(claim.says.rstrip(_STOP))}.{details}"


def _grids(grid: TableLayout, width: int) -> Iterator[tuple[str, int]]:
    """Yield the parts of a grid: (tabular, lines)."""
    longest = width // 4
    widths = fit.widths(fit.wrap_labels(grid, longest), _seen)
    room = width - widths.label - widths.source - _GAP
    for wide in fit.part_columns(grid, widths.columns, room, _GAP):
        for part in fit.part_rows(fit.wrap_labels(wide, longest), _LENGTH - _HEAD):
            yield _tabular(part, fit.widths(part, _seen).columns), _length(part)


def _length(grid: TableLayout) -> int:
    return _HEAD + sum(len(block.lines) + bool(heading) for heading, block in grid.headed_blocks())


def _seen(entry: Entry) -> str:
    return "".join(piece.text for piece in entry)


def _tabular(grid: TableLayout, widths: Sequence[int]) -> str:
    stub = [""] * (2 if grid.has_sources else 1)
    lines = [
        f"\\begin{{tabular}}{{@{{}}{'l' * (len(stub) + len(grid.heads))}@{{}}}}",
        r"\toprule",
        *(_groups(grid, len(stub)) if any(grid.groups) else ()),
        _row([*stub, *(_heading(text, width) for text, width in zip(grid.heads, widths, strict=True))]),
        r"\midrule",
        *_body(grid, len(stub)),
        r"\bottomrule",
        r"\end{tabular}\par\medskip",
    ]
    return "\n".join(lines)


def _groups(grid: TableLayout, stub: int) -> Iterator[str]:
    spans = fit.spans(grid.groups)
    yield _row([*[""] * stub, *(f"\\multicolumn{{{size}}}{{c}}{{{escape(group)}}}" for group, size in spans)])
    first = stub + 1
    for group, size in spans:
        if group:
            yield f"\\cmidrule(lr){{{first}-{first + size - 1}}}"
        first += size


def _heading(text: str, width: int) -> str:
    lines = [_begin(escape(line)) for line in fit.wrapped(text, width)]
    return lines[0] if len(lines) == 1 else f"\\shortstack[l]{{{_BREAK.join(lines)}}}"


def _body(grid: TableLayout, stub: int) -> Iterator[str]:
    for number, (heading, block) in enumerate(grid.headed_blocks()):
        if heading == "":
            yield r"\midrule"
        elif number and grid.has_sources:
            yield r"\addlinespace[2pt]"
        if heading:
            yield _row([f"\\multicolumn{{{stub + len(grid.heads)}}}{{@{{}}l}}{{\\textbf{{{escape(heading)}}}}}"])
        for line in block.lines:
            own = [escape(line.label), escape(line.source)][:stub]
            yield _row([*own, *(_text(entry) for entry in line.entries)])


def _row(places: Sequence[str]) -> str:
    return f"{_begin(places[0])}{''.join(f' & {place}' for place in places[1:])} {_BREAK}"


def _begin(line: str) -> str:
    """Protect a line whose leading bracket or asterisk would be an argument of the line break above it."""
    return f"{{}}{line}" if line[:1] in ("[", "*") else line


def _text(entry: Entry) -> str:
    return "".join(_piece(piece) for piece in entry)


def _piece(piece: Piece) -> str:
    before, after = _AROUND.get(piece.style, ("", ""))
    return f"{before}{escape(piece.text)}{after}"
