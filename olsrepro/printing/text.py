"""Text without what a terminal would obey: names, messages and records come from files that may hold anything."""

from __future__ import annotations

import re

_SEQUENCES = r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, movements of the cursor, clearing: ECMA-48's CSI
_CHARACTERS = r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
_UNPRINTABLE = re.compile(f"{_SEQUENCES}|{_CHARACTERS}")


def printable(text: str) -> str:
    """Remove escape sequences, control characters but line breaks and tabs, and marks of the reading direction."""
    return _UNPRINTABLE.sub("", text)
