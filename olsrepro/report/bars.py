"""Pictures of the label of one class (Figure 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from olsrepro.report.figure_data import Bars, Missing, Words
from olsrepro.report.panels import PanelGrid, say_missing, sheet
from olsrepro.report.style import PLAIN, SET_APART, TICK, applied, sheet_width
from olsrepro.report.text_fit import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FLOOR = 1e-4
"""Value at which smaller ones are drawn, as a logarithmic axis has no zero."""

PANEL_HEIGHT = 2.2
_LOWEST, _HIGHEST = FLOOR / 2, 1.5  # a bar at the floor must be seen
_TICKS = {1e-4: "10⁻⁴", 1e-3: "10⁻³", 1e-2: "10⁻²", 1e-1: "10⁻¹", 1.0: "1"}
_MOST_NAMES = 20
_NAME_WIDTH = 0.8


def draw_bars(panels: Sequence[Sequence[Bars | Missing]], words: Words) -> Figure:
    """Draw panels line by line, all lines of equal length; a missing one says so.

    The class itself has another colour. A value below ``FLOOR`` is a hollow bar that ends there; the caption says so.
    """
    across = len(panels[0])
    is_floored = any(
        value < FLOOR for line in panels for bars in line if isinstance(bars, Bars) for value in bars.values
    )
    if is_floored:
        words = replace(words, caption=f"{words.caption}\nHollow bars: zero or below 0.0001, drawn at 0.0001.".lstrip())
    with applied():
        plan = PanelGrid(words, sheet_width(across), PANEL_HEIGHT, len(panels), across)
        figure, grid = sheet(plan)
        for line, drawn in zip(panels, grid, strict=True):
            for bars, axes in zip(line, drawn, strict=True):
                _scale(axes)
                _draw(axes, bars) if isinstance(bars, Bars) else say_missing(axes, bars.title, keeps_y=True)
            drawn[0].set_ylabel("label")
    return figure


def _scale(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.set_yticks(list(_TICKS), list(_TICKS.values()))
    axes.set_yticks([], minor=True)
    axes.set_ylim(_LOWEST, _HIGHEST)


def _draw(axes: Axes, bars: Bars) -> None:
    colours = [SET_APART if place == bars.target else PLAIN for place in range(len(bars.values))]
    axes.bar(
        range(len(bars.values)),
        [max(value, FLOOR) for value in bars.values],
        color=["white" if value < FLOOR else colour for value, colour in zip(bars.values, colours, strict=True)],
        edgecolor=colours,
        linewidth=0.8,
    )
    axes.set_title(bars.title)
    _name(axes, bars)


def _name(axes: Axes, bars: Bars) -> None:
    """Name the classes, or the target alone where there are too many."""
    named = range(len(bars.names)) if len(bars.names) <= _MOST_NAMES else [bars.target]
    texts = [shortened(bars.names[place], _NAME_WIDTH, TICK) for place in named]
    labels = axes.set_xticks(list(named), texts, rotation=90)
    labels[named.index(bars.target)].label1.set_fontweight("bold")
