"""Rich's console for text from anywhere: its own colours and cursor movements are the only ones that it prints."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from olsrepro.printing.streams import drawn_on
from olsrepro.printing.text import printable


class PrintableConsole(Console):
    """Console that prints what is printable of any text, by default to standard output; options are Rich's."""

    def __init__(self, *, file: TextIO | None = None, stderr: bool = False, **options: Any) -> None:
        super().__init__(file=drawn_on(file or (sys.stderr if stderr else sys.stdout)), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render something; its text is printable, and codes of Rich's own stay as they are."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)
