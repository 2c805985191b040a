"""Pictures of curves over epochs (Figures 4 and 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from olsrepro.report.figure_data import Curve, CurvePanel, Words
from olsrepro.report.panels import PanelGrid, add_key, say_missing, sheet
from olsrepro.report.style import TEXT, Look, applied, look, sheet_width
from olsrepro.report.text_fit import wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

SINGLE_HEIGHT, PANEL_HEIGHT = 2.3, 1.75
_LABEL_SHARE = 0.75
_MARKERS = 8


def draw_curves(panels: Sequence[Sequence[CurvePanel]], words: Words) -> Figure:
    """Draw panels line by line, all lines of equal length: mean curves, with bands from the least to the greatest."""
    lines, across = len(panels), len(panels[0])
    names = list(dict.fromkeys(curve.name for line in panels for panel in line for curve in panel.curves))
    drawn = {curve.name for line in panels for panel in line for curve in panel.drawn}
    height = SINGLE_HEIGHT if lines == across == 1 else PANEL_HEIGHT
    with applied():
        plan = PanelGrid(
            words, sheet_width(across), height, lines, across, tuple(name for name in names if name in drawn)
        )
        figure, grid = sheet(plan)
        handles: dict[str, Line2D] = {}
        for line, axes in zip(panels, grid, strict=True):
            handles |= _draw_line(axes, line, names)
            _label(axes, line, _LABEL_SHARE * height)
        for last in grid[-1]:
            last.set_xlabel("epoch")
        if plan.key:
            add_key(figure, plan, [handles[name] for name in plan.key])
    return figure


def _label(grid: Sequence[Axes], panels: Sequence[CurvePanel], room: float) -> None:
    """Label each panel whose label differs from that of the panel to its left."""
    before = ""
    for axes, panel in zip(grid, panels, strict=True):
        if panel.y_label != before:
            axes.set_ylabel("\n".join(wrapped(panel.y_label, room, TEXT)))
        before = panel.y_label


def _draw_line(grid: Sequence[Axes], panels: Sequence[CurvePanel], names: Sequence[str]) -> dict[str, Line2D]:
    """Draw a line of panels, where a name looks the same in all, and return one curve of each name for the key."""
    from matplotlib.ticker import MaxNLocator

    handles: dict[str, Line2D] = {}
    for axes, panel in zip(grid, panels, strict=True):
        axes.set_title(panel.title)
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        if not panel.drawn:
            say_missing(axes, panel.title, keeps_y=any(other.drawn for other in panels))
        handles |= {curve.name: _draw(axes, curve, names.index(curve.name), len(names)) for curve in panel.drawn}
    return handles


def _draw(axes: Axes, curve: Curve, place: int, count: int) -> Line2D:
    own = look(place)
    (line,) = axes.plot(
        curve.epochs,
        curve.mean,
        color=own.colour,
        linestyle=own.line,
        marker=own.marker,
        markevery=_marked(len(curve.epochs), place, count),
        markersize=3,
    )
    if curve.low != curve.high:
        _band(axes, curve, own)
    return line


def _band(axes: Axes, curve: Curve, look: Look) -> None:
    axes.fill_between(curve.epochs, curve.low, curve.high, color=look.colour, alpha=0.2, linewidth=0)


def _marked(epochs: int, place: int, count: int) -> tuple[int, int]:
    """Return (first, step) of the epochs with a marker: a few, at other epochs than those of the other curves."""
    step = max(1, epochs // _MARKERS)
    return (place * step // count, step)
