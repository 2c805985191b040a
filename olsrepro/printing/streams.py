"""Standard output and error as a command writes to them: printable text alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO

from olsrepro.printing.text import printable


class PrintableStream:
    """Text stream that passes on what is printable; ``drawn_on`` is the stream behind it."""

    def __init__(self, drawn_on: TextIO) -> None:
        self.drawn_on = drawn_on

    def write(self, text: str) -> int:
        """Write what is printable of a text."""
        self.drawn_on.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.drawn_on, name)


@contextmanager
def printable_streams() -> Iterator[None]:
    """Let nothing but printable text pass to standard output and error."""
    out: Any = PrintableStream(sys.stdout)
    err: Any = PrintableStream(sys.stderr)
    with redirect_stdout(out), redirect_stderr(err):
        yield


def drawn_on(stream: TextIO) -> TextIO:
    """Return the stream behind a printable one, for text whose colours and cursor movements are our own."""
    return stream.drawn_on if isinstance(stream, PrintableStream) else stream
