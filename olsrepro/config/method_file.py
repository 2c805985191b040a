"""Switches of a label method as its config file gives them: defaults, with the comments that name their sources.

A comment on a value's own line is its source; comment lines directly below continue it. A comment at the head of a
block, after a blank line, belongs to the whole block, which ends at the next blank line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from typing import Any

import yaml  # type: ignore[import-untyped,unused-ignore]  # omegaconf brings it

from olsrepro.config.locate import configs_folder
from olsrepro.files import plain_yaml
from olsrepro.settings import UserError

NULL = "null"
DEFAULT = "default"
BY_DATASET = "by_dataset"


@dataclass(frozen=True)
class Value:
    """A value as written in the file, and the comment that says where it comes from."""

    text: str
    source: str


@dataclass(frozen=True)
class Switch:
    """A key of a method's config.

    Attributes:
        key: its name.
        default: its value if it is not set: that of ``by_dataset.default`` where this says what null means.
        source: the comment on its own line.
        heading: the comment at the head of its block.
        on: its values by data set, where they differ from the default.
    """

    key: str
    default: Value
    source: str
    heading: str = ""
    on: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class MethodFile:
    """A method's switches in the order of its file, without its name; ``note`` is the comment above ``by_dataset``."""

    switches: tuple[Switch, ...]
    note: str = ""


def method_file(name: str) -> MethodFile:
    """Read the switches in ``configs/method/<name>.yaml``; :class:`UserError` if that file can't be read."""
    path = configs_folder() / "method" / f"{name}.yaml"
    try:
        return plain_yaml.read(path, read_method_file)
    except ValueError as error:
        raise UserError(f"{path} can't be read: {error}") from None


def read_method_file(text: str) -> MethodFile:
    """Read the switches in the text of a method's config file."""
    lines = _Lines(text)
    nodes = {str(key.value): (key, value) for key, value in yaml.compose(text, yaml.SafeLoader).value}
    table_key, table = nodes.pop(BY_DATASET, (None, None))
    note = "" if table_key is None else lines.heading(table_key)
    implied = {} if table is None else dict(_implied(lines, table_key, table))
    switches = [_switch(lines, *pair, implied) for key, pair in nodes.items() if key != "name"]
    return MethodFile(tuple(switches), note)


def _switch(lines: _Lines, key_node: Any, node: Any, implied: Mapping[str, Mapping[str, Value]]) -> Switch:
    key, own = str(key_node.value), lines.value(node)
    values = {dataset: table[key] for dataset, table in implied.items() if key in table and own.text == NULL}
    default = values.pop(DEFAULT, own)
    others = {dataset: value for dataset, value in values.items() if value.text != default.text}
    return Switch(key, default, own.source, lines.heading(key_node), others)


def _implied(lines: _Lines, key_node: Any, tables: Any) -> Iterator[tuple[str, Mapping[str, Value]]]:
    """Yield the values that ``by_dataset`` has for each data set; one without a comment inherits that of its table."""
    for name, table in tables.value:
        outer = [lines.comment(table)] if table.flow_style else []
        above = next(filter(None, (*outer, lines.comment(name), lines.comment(key_node))), "")
        yield str(name.value), {str(key.value): lines.value(node, above) for key, node in table.value}


class _Lines:
    """Text of a config file, in which the comments of nodes are found."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = text.splitlines()

    def value(self, node: Any, otherwise: str = "") -> Value:
        """Return a node as it is written, with the comment on its line, or ``otherwise`` if it has none."""
        text = self._text[node.start_mark.index : node.end_mark.index]
        return Value(" ".join(text.split()), self.comment(node) or otherwise)

    def comment(self, node: Any) -> str:
        """Return the comment on the line that a node ends on, with its continuation below."""
        line = int(node.end_mark.line)
        own = self._lines[line][self._ends.get(line, 0) :]
        return _joined([own, *takewhile(_is_comment, self._lines[line + 1 :])], "; ")

    def heading(self, node: Any) -> str:
        """Return the comment at the head of the block of lines that a node is in."""
        above = self._lines[: node.start_mark.line]
        block = [*takewhile(str.strip, reversed(above))][::-1]
        return _joined(takewhile(_is_comment, block), " ")

    @cached_property
    def _ends(self) -> dict[int, int]:
        """Column behind the last token of each line that has tokens."""
        ends: dict[int, int] = {}
        for token in yaml.scan(self._text, yaml.SafeLoader):
            if token.end_mark.index > token.start_mark.index:
                line = token.end_mark.line
                ends[line] = max(ends.get(line, 0), token.end_mark.column)
        return ends


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _joined(comments: Iterable[str], by: str) -> str:
    """Join lines of comment into one text, without their marks."""
    return by.join(filter(None, (line.strip().lstrip("#").strip() for line in comments)))
