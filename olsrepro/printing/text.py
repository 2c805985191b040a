"""Text without what a terminal would obey: names, messages and records come from files that may hold anything."""

from __future__ import annotations

import re

_SEQUENCES = r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, movements of the cursor, clearing: ECMA-48's CSI
_CHARACTERS = r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
_LONG_WORD = re.compile(r"\S{256,}")  # longer than any name of a file
_LONGEST = 3000
_UNPRINTABLE = re.compile(f"{_SEQUENCES}|{_CHARACTERS}")


def shortened(message: str) -> str:
    """Cut what is too long to be read out of a message, as the value that a user gave: long words, then its middle."""
    message = _LONG_WORD.sub(lambda word: _cut(word[0], 40), message)
    return message if len(message) <= _LONGEST else _cut(message, _LONGEST // 2)


def _cut(text: str, kept: int) -> str:
    return f"{text[:kept]}… ({len(text):,} characters) …{text[-kept:]}"


def printable(text: str) -> str:
    """Remove escape sequences, control characters but line breaks and tabs, and marks of the reading direction."""
    return _UNPRINTABLE.sub("", text)
