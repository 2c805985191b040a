"""Width of printed text: a terminal's; elsewhere lines are as long as they are, unless ``COLUMNS`` says otherwise."""

from __future__ import annotations

import os
import shutil

ENDLESS = 10_000


def text_width(*, to_file: bool = False) -> int:
    """Return the width of lines in characters: ``COLUMNS``, else the terminal's; without one nothing is folded."""
    if to_file:
        columns = os.environ.get("COLUMNS", "")
        return int(columns) if columns.isdecimal() and int(columns) else ENDLESS
    return shutil.get_terminal_size((ENDLESS, 24)).columns
