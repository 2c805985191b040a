"""Fitting of text into lines of a width, measured in the style's font."""

from __future__ import annotations

from functools import cache

from olsrepro.report.style import FONT

POINTS = 72.0
"""Points per inch."""


@cache
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Measure one line of text in inches; ``weight`` is ``normal`` or ``bold``."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=FONT, size=size, weight=weight)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]) / POINTS


def wrapped(text: str, width: float, size: float, weight: str = "normal") -> list[str]:
    """Break text into lines of at most ``width`` inches, at blanks; a word that is wider is broken inside.

    ``size`` is the type size in points.
    """
    lines = [""]
    for piece in (piece for word in text.split(" ") if word for piece in _pieces(word, width, size, weight)):
        longer = f"{lines[-1]} {piece}".lstrip()
        if text_width(longer, size, weight) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(piece)
    return lines


def shortened(text: str, width: float, size: float) -> str:
    """Return the text, or as much of it as fits before an ellipsis."""
    if text_width(text, size) <= width:
        return text
    kept = next((end for end in range(len(text) - 1, 0, -1) if text_width(text[:end] + "…", size) <= width), 0)
    return text[:kept].rstrip() + "…"


def _pieces(word: str, width: float, size: float, weight: str) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and text_width(pieces[-1] + letter, size, weight) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces
