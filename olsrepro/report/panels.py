"""Sheet that a picture is drawn on: title above, key, panels, caption below, each in a strip of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from olsrepro.report.figure_data import Words
from olsrepro.report.style import CAPTION, GREY, RESOLUTION, STAMP, TICK, TITLE
from olsrepro.report.text_fit import POINTS, text_width, wrapped

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN = 0.06
_LEADING = 1.3
_HANDLE = 0.32  # line and marker before a name in the key, with the gap to it
_GAP = 0.16  # between two columns of the key
_STAMP_SHARE, _LARGEST_STAMP = 0.8, 72.0


@dataclass(frozen=True)
class PanelGrid:
    """Layout of a sheet, in inches.

    Attributes:
        words: the texts around the picture.
        width: of the sheet.
        panel_height: of one line of panels, with their ticks and labels.
        lines, across: number of panels down and across.
        key: names in the key; empty: no key.
        shares_y: whether the panels of a line share one vertical axis.
    """

    words: Words
    width: float
    panel_height: float
    lines: int = 1
    across: int = 1
    key: tuple[str, ...] = ()
    shares_y: bool = True

    @property
    def inner(self) -> float:
        """Width between the margins, in inches."""
        return self.width - 2 * MARGIN

    @property
    def title(self) -> list[str]:
        """Title, wrapped into lines that fit between the margins."""
        return wrapped(self.words.title, self.inner, TITLE, "bold")

    @property
    def caption(self) -> list[str]:
        """Caption, wrapped; a line break in it starts a new line."""
        parts = self.words.caption.splitlines()
        return [line for part in parts for line in wrapped(part, self.inner, CAPTION)]

    @property
    def key_columns(self) -> int:
        """Number of names in the key side by side."""
        widest = max((text_width(name, TICK) for name in self.key), default=0.0) + _HANDLE
        return max(1, min(len(self.key), int((self.inner + _GAP) / (widest + _GAP))))

    @property
    def head_height(self) -> float:
        """Height from the sheet's upper edge down to the key."""
        return MARGIN + _height(len(self.title), TITLE) + MARGIN

    @property
    def key_height(self) -> float:
        """Height of the key, with the space under it."""
        return _height(math.ceil(len(self.key) / self.key_columns), TICK * 1.1) + MARGIN if self.key else 0.0

    @property
    def foot_height(self) -> float:
        """Height from the panels down to the sheet's lower edge."""
        return MARGIN + _height(len(self.caption), CAPTION) + MARGIN

    @property
    def height(self) -> float:
        """Height of the whole sheet, in inches."""
        return self.head_height + self.key_height + self.lines * self.panel_height + self.foot_height


def sheet(plan: PanelGrid) -> tuple[Figure, list[list[Axes]]]:
    """Make a figure with title, caption and stamp, and its empty panels, line by line."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(plan.width, plan.height), dpi=RESOLUTION, facecolor="white")
    figure.set_label(plan.words.title)
    share = (plan.head_height + plan.key_height) / plan.height
    foot = plan.foot_height / plan.height
    side = MARGIN / plan.width
    room = (side, foot, 1 - 2 * side, 1 - foot - share)
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=room, w_pad=0.02, h_pad=0.02))
    axes = figure.subplots(plan.lines, plan.across, sharey="row" if plan.shares_y else False, squeeze=False)
    _write(figure, plan)
    return figure, [list(line) for line in axes]


def add_key(figure: Figure, plan: PanelGrid, handles: Sequence[Artist], length: float = 2.4) -> None:
    """Draw the key above the panels: a handle, ``length`` times the type size, for each name of the plan's key."""
    figure.legend(
        list(handles),
        list(plan.key),
        loc="upper center",
        bbox_to_anchor=(0.5, 1 - plan.head_height / plan.height),
        ncols=plan.key_columns,
        handlelength=length,
        handletextpad=0.5,
        columnspacing=1.2,
        labelspacing=0.25,
    )


def say_missing(axes: Axes, title: str = "", keeps_y: bool = False) -> None:
    """Mark a panel as empty and hide its scales, except a y axis that it shares with its line (``keeps_y``)."""
    axes.set_title(title)
    axes.tick_params(bottom=False, labelbottom=False)
    if not keeps_y:
        axes.tick_params(left=False, labelleft=False)
        axes.grid(False)
    axes.text(0.5, 0.5, "no run yet", transform=axes.transAxes, ha="center", va="center", color=GREY)


def _height(lines: int, size: float) -> float:
    return lines * size * _LEADING / POINTS


def _write(figure: Figure, plan: PanelGrid) -> None:
    left = MARGIN / plan.width
    top = 1 - MARGIN / plan.height
    figure.text(left, top, "\n".join(plan.title), size=TITLE, weight="bold", va="top", linespacing=_LEADING)
    caption = "\n".join(plan.caption)
    bottom = MARGIN / plan.height
    figure.text(left, bottom, caption, size=CAPTION, color=GREY, va="bottom", linespacing=_LEADING)
    if stamp := plan.words.stamp:
        size = min(_LARGEST_STAMP, _STAMP_SHARE * plan.inner / text_width(stamp, 1.0, "bold"))
        figure.text(0.5, 0.5, stamp, size=size, weight="bold", color=STAMP, ha="center", va="center", zorder=-1)
