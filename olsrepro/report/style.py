"""Style of all pictures: sizes, colours, lines, markers.

Lengths are in inches, type sizes in points. A picture must be legible in grey and without colour vision: whatever
differs in colour differs in its marker or its line as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

COLUMN, PAGE = 3.5, 7.16
"""Widths of one and of two columns of the paper's journal (IEEE)."""

FONT = "DejaVu Sans"  # ships with Matplotlib
TITLE, TEXT, TICK, CAPTION = 8.0, 7.5, 7.0, 6.0
RESOLUTION = 300
"""Dots per inch, of a PNG and of images inside an SVG."""

# Okabe and Ito, "Color Universal Design" (2008), ordered so that neighbours differ in brightness too.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9", "#F0E442")
PLAIN, SET_APART, GREY, STAMP = "#56B4E9", "#D55E00", "#595959", "#DADADA"
"""Colours of bars, of the one bar that matters, of text beside the data, and of a stamp under them."""

CLASS_COLOURS = (*PALETTE, "#999999", "#882255")
"""Ten colours: Okabe and Ito's eight, a grey and Paul Tol's wine."""

_LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

_PARAMETERS = {
    "font.family": FONT,
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "axes.labelsize": TEXT,
    "xtick.labelsize": TICK,
    "ytick.labelsize": TICK,
    "legend.fontsize": TICK,
    "legend.frameon": False,
    "legend.borderpad": 0.0,
    "legend.borderaxespad": 0.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.facecolor": "none",  # a stamp on the sheet shows through
    "axes.grid.axis": "y",
    "axes.grid": True,
    "grid.linewidth": 0.4,
    "grid.color": "#DDDDDD",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.0,
    "errorbar.capsize": 2.0,
    "savefig.dpi": RESOLUTION,
    "text.parse_math": False,  # a $ in an override is a $
    "svg.fonttype": "path",  # looks the same wherever it is viewed
    "svg.hashsalt": "olsrepro",  # ids are random without one
}


@dataclass(frozen=True)
class Look:
    """Colour, line and marker of one series."""

    colour: str
    line: Any
    marker: str


def look(place: int) -> Look:
    """Return the look of series number ``place``, from 0; the first forty all differ."""
    return Look(PALETTE[place % len(PALETTE)], _LINES[place % len(_LINES)], _MARKERS[place % len(_MARKERS)])


def sheet_width(across: int) -> float:
    """Return the width in inches: one column for one panel, the page for up to four, and more for more."""
    return COLUMN if across == 1 else PAGE * max(1.0, across / 4)


@contextmanager
def applied() -> Iterator[None]:
    """Apply this style over Matplotlib's own defaults, ignoring the user's matplotlibrc; restored on leaving."""
    from matplotlib import rc_context, rcParamsDefault

    # rc_context does not restore the backend, so that stays as it is.
    own: Any = {key: rcParamsDefault[key] for key in rcParamsDefault if not key.startswith("backend")}
    with rc_context(own | _PARAMETERS):
        yield
