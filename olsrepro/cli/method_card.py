"""Card of a label method as text of a given width; nothing is cut, and only a formula may be wider."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from olsrepro.config.method_file import MethodFile, Switch
from olsrepro.experiments.metrics import METRICS
from olsrepro.methods.cards import NOTATION, Card

INDENT = "  "
LEAST = 20
NEEDS = ("views", "heads", "teacher", "sample_index", "state", "sync")
ABSENT = {
    "heads": "heads of its own",
    "teacher": "teacher",
    "sample_index": "sample index",
    "state": "state",
    "sync": "synchronisation",
}


@dataclass(frozen=True)
class Use:
    """Experiment that uses a method, with the switches that it sets: ``key`` to the values in their order."""

    experiment: str
    place: str
    switches: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class StepCost:
    """Measured facts of one training step by name, and where they come from."""

    facts: Mapping[str, float]
    origin: str


def method_text(card: Card, file: MethodFile, uses: Sequence[Use], cost: StepCost | None, width: int) -> str:
    """Write the card, section by section.

    Args:
        card: of the method.
        file: its config file.
        uses: the experiments that use it.
        cost: of one training step; None leaves this section out.
        width: characters in a line.
    """
    sections = {
        "formula": [*_formula(card.formula), "", *_formula(NOTATION)],
        f"switches (method={card.name} method.KEY=VALUE)": [*_switches(file, width)] or [f"{INDENT}none"],
        "the paper's row": _paragraph(card.paper_row, width),
        "other readings": [line for item in card.readings for line in _reading(item.switches, item.text, width)],
        "needs": [*_needs(card, width)],
        "what one training step does": [] if cost is None else [*_cost(cost, width)],
        "pitfalls": _items(card.pitfalls, width),
        "experiments": [*_uses(uses, width)] or [f"{INDENT}none"],
        "sources": _items(card.sources, width),
    }
    shown = ["\n".join((head, *lines)) for head, lines in sections.items() if lines]
    return "\n\n".join((f"{card.name}: {card.title}", *shown))


def _formula(text: str) -> list[str]:
    return [f"{INDENT}{line}".rstrip() for line in text.replace("`", "").splitlines()]


def _paragraph(text: str, width: int, first: str = INDENT, rest: str = INDENT) -> list[str]:
    """Wrap a text; backticks, which mark switches in the card, are not shown."""
    return _AtCommas(width, initial_indent=first, subsequent_indent=rest).wrap(text.replace("`", ""))


class _AtCommas(textwrap.TextWrapper):
    """Wrapper that may break lines after commas too, so that no number in a list of values is cut."""

    def _split(self, text: str) -> list[str]:
        return [part for chunk in super()._split(text) for part in re.split(r"(?<=,)(?=\S)", chunk)]


def _items(texts: Sequence[str], width: int) -> list[str]:
    return [line for text in texts for line in _paragraph(text, width, f"{INDENT}- ", f"{INDENT}  ")]


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]


def _rows(rows: Sequence[Sequence[str]], width: int, widths: Sequence[int] | None = None) -> Iterator[str]:
    """Align rows in columns of these widths; wrap the last, below the others where they leave it too little room."""
    for *cells, text in rows:
        columns = zip(cells, widths or _widths(rows), strict=True)
        head = INDENT + "".join(f"{cell:<{wide}}  " for cell, wide in columns)
        if not text:
            yield head.rstrip()
        elif len(head) + LEAST <= width:
            yield from _paragraph(text, width, head, " " * len(head))
        else:
            yield from (head.rstrip(), *_paragraph(text, width, INDENT * 3, INDENT * 3))


def _switches(file: MethodFile, width: int) -> Iterator[str]:
    """List switches block by block under their headings, then the note on values of single data sets."""
    widths = _widths([row for switch in file.switches for row in _switch_rows(switch)])
    for heading, block in groupby(file.switches, key=lambda switch: switch.heading):
        yield from _paragraph(heading, width)
        yield from _rows([row for switch in block for row in _switch_rows(switch)], width, widths)
    yield from _paragraph(file.note, width)


def _switch_rows(switch: Switch) -> Iterator[tuple[str, str, str]]:
    """List the default of a switch; below it the values of single data sets."""
    sources = dict.fromkeys(filter(None, (switch.source, switch.default.source)))
    yield switch.key, switch.default.text, "; ".join(sources)
    for dataset, value in switch.on.items():
        yield f"{INDENT}{dataset}", value.text, value.source


def _reading(switches: Sequence[str], text: str, width: int) -> list[str]:
    named = " ".join(f"method.{switch}" for switch in switches)
    return [*_paragraph(named, width), *_paragraph(text, width, INDENT * 3, INDENT * 3)]


def _needs(card: Card, width: int) -> Iterator[str]:
    needs = vars(card.needs)
    yield from _rows([(ABSENT.get(key, key), needs[key]) for key in NEEDS if needs[key]], width)
    if absent := [ABSENT[key] for key in ABSENT if not needs[key]]:
        yield from _paragraph(f"no {', no '.join(absent)}", width)


def _cost(cost: StepCost, width: int) -> Iterator[str]:
    yield from _rows([(_label(key), _fact(key, value)) for key, value in cost.facts.items()], width)
    yield from _paragraph(cost.origin, width)


def _label(key: str) -> str:
    return METRICS[key].label if key in METRICS else key


def _fact(key: str, value: float) -> str:
    words = METRICS[key].words if key in METRICS else {}
    return words.get(value, f"{value:g}")


def _uses(uses: Sequence[Use], width: int) -> Iterator[str]:
    rows = [(use.experiment, use.place, " ".join(_setting(*item) for item in use.switches.items())) for use in uses]
    yield from _rows(rows, width)


def _setting(key: str, values: Sequence[str]) -> str:
    """Write a switch as it would be typed, with all of its values in one word."""
    return f"{key}={','.join(values)}"
