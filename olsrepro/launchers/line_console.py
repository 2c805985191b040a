"""Console that passes each line to a function."""

from __future__ import annotations

import io
from collections.abc import Callable

from rich.console import Console

from olsrepro.printing.console import PrintableConsole


def line_console(say: Callable[[str], None]) -> Console:
    """Return a console that is not a terminal and passes its lines to ``say`` one by one, without line breaks."""
    return PrintableConsole(file=_Lines(say), highlight=False, soft_wrap=True, force_terminal=False)


class _Lines(io.StringIO):
    """Text file that passes each line on once it is complete."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say
        self._begun = ""

    def write(self, text: str) -> int:
        *whole, self._begun = (self._begun + text).split("\n")
        for line in whole:
            self._say(line)
        return len(text)
