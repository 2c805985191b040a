"""A console of which somebody is told each line."""

from __future__ import annotations

import io
from collections.abc import Callable

from rich.console import Console


def line_console(say: Callable[[str], None]) -> Console:
    """Return a console, no terminal, whose lines are said one by one, without their line breaks."""
    return Console(file=_Lines(say), highlight=False, soft_wrap=True, force_terminal=False)


class _Lines(io.StringIO):
    """A text file that hands on each line once it is whole."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say
        self._begun = ""

    def write(self, text: str) -> int:
        *whole, self._begun = (self._begun + text).split("\n")
        for line in whole:
            self._say(line)
        return len(text)
