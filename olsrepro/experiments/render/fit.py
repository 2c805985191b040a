"""Splitting of a grid that is wider or longer than the page, so that no number is ever cut."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from olsrepro.experiments.render.layout import Block, Entry, GridLine, TableLayout

_SHORT = 16

Seen = Callable[[Entry], str]
"""Function from an entry to its visible text, without markup."""


@dataclass(frozen=True)
class Widths:
    """Widths in characters: of the labels, of the sources (0 where there are none), of each column."""

    label: int
    source: int
    columns: tuple[int, ...]


def widths(grid: TableLayout, seen: Seen, longest: int = 1) -> Widths:
    """Measure all widths; long headings are wrapped between words, entries and labels are not.

    Args:
        grid: to be drawn.
        seen: the visible text of an entry.
        longest: width in characters beyond which the heading of a group of rows is wrapped too.
    """
    entries = [[seen(line.entries[place]) for line in grid.lines] for place in range(len(grid.heads))]
    labels = [line.label for line in grid.lines]
    groups = [line for block in grid.blocks for line in wrapped(block.group, longest)]
    return Widths(
        max((len(part) for part in (*labels, *groups)), default=0),
        max((len(line.source) for line in grid.lines), default=0),
        tuple(
            max(*map(len, texts), _heading_width(head), _heading_width(group), 1)
            for texts, head, group in zip(entries, grid.heads, grid.groups, strict=True)
        ),
    )


def _heading_width(text: str) -> int:
    """Return the width that a heading needs: its longest word, or up to a few words on one line."""
    return max(min(len(text), _SHORT), *map(len, text.split()), 0)


def wrapped(heading: str, width: int) -> list[str]:
    """Wrap a heading into at least one line of at most ``width`` characters, without breaking words."""
    return textwrap.wrap(heading, max(width, 1), break_long_words=False, break_on_hyphens=False) or [""]


def wrap_labels(grid: TableLayout, width: int) -> TableLayout:
    """Wrap labels to ``width`` characters, or one word; the rest of a label continues on the next lines."""
    return replace(grid, blocks=tuple(_wrap_label(block, width) for block in grid.blocks))


def _wrap_label(block: Block, width: int) -> Block:
    first = block.lines[0]
    labels = wrapped(first.label, width)
    empty = GridLine("", "", tuple(() for _ in first.entries))
    lines = [*block.lines, *[empty] * (len(labels) - len(block.lines))]
    labels += [""] * (len(lines) - len(labels))
    return replace(block, lines=tuple(replace(line, label=label) for line, label in zip(lines, labels, strict=True)))


def part_columns(grid: TableLayout, columns: Sequence[int], room: int, gap: int) -> list[TableLayout]:
    """Split the grid into parts, each with as many columns as fit into ``room`` characters, but at least one.

    Args:
        grid: the whole grid.
        columns: the width of each column.
        room: the total width available to the columns of a part.
        gap: space after each column.
    """
    return [_columns(grid, part) for part in even_slices([width + gap for width in columns], room)]


def part_rows(grid: TableLayout, length: int) -> list[TableLayout]:
    """Split the grid into parts of at most ``length`` lines each; the lines of a row stay together."""
    sizes = [len(block.lines) + bool(heading) for heading, block in grid.headed_blocks()]
    return [replace(grid, blocks=grid.blocks[part]) for part in even_slices(sizes, length)]


def slices_within(sizes: Sequence[int], room: int) -> list[slice]:
    """Group neighbours whose sizes add up to at most ``room``, as slices; a larger size gets its own slice."""
    starts, taken = [0], 0
    for place, size in enumerate(sizes):
        if place > starts[-1] and taken + size > room:
            starts.append(place)
            taken = 0
        taken += size
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], len(sizes)], strict=True)]


def even_slices(sizes: Sequence[int], room: int) -> list[slice]:
    """Make as few slices as :func:`slices_within` does, with the largest as small as possible."""
    count = len(slices_within(sizes, room))
    tries = (slices_within(sizes, smaller) for smaller in range(1, room))
    return next((slices for slices in tries if len(slices) <= count), slices_within(sizes, room))


def _columns(grid: TableLayout, part: slice) -> TableLayout:
    blocks = tuple(_cut(block, part) for block in grid.blocks)
    return replace(grid, groups=grid.groups[part], heads=grid.heads[part], blocks=blocks)


def _cut(block: Block, part: slice) -> Block:
    """Cut a row's lines down to some columns; lines that become empty are dropped, except the first."""
    first, *others = (replace(line, entries=line.entries[part]) for line in block.lines)
    return replace(block, lines=(first, *(line for line in others if any(line.entries))))


def spans(groups: Sequence[str]) -> list[tuple[str, int]]:
    """Group neighbours under one heading: (heading, number of columns)."""
    found: list[tuple[str, int]] = []
    for group in groups:
        if found and found[-1][0] == group:
            found[-1] = (group, found[-1][1] + 1)
        else:
            found.append((group, 1))
    return found
