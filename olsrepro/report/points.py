"""Pictures of points along a numerical axis (Figure 7)."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from olsrepro.report.figure_data import Axis, Point, Series, Words
from olsrepro.report.panels import PanelGrid, add_key, say_missing, sheet
from olsrepro.report.style import COLUMN, Look, applied, look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL_HEIGHT = 2.3
_MOST_NAMES = 12
_LEAST_PLACES = 3
_NEAR = 1e-6


def draw_points(series: Sequence[Series], x: Axis, y_label: str, words: Words) -> Figure:
    """Draw lines with filled markers for ours, hollow markers for the paper's; bars are one sd to either side."""
    key = tuple(name for item in series for name in _names(item))
    with applied():
        plan = PanelGrid(words, COLUMN, PANEL_HEIGHT, key=key)
        figure, ((axes,),) = sheet(plan)
        axes.set_xlabel(x.label)
        axes.set_ylabel(y_label)
        _scale(axes, x, {point.x for item in series for point in (*item.points, *item.printed)})
        handles = [handle for place, item in enumerate(series) for handle in _draw(axes, item, look(place))]
        if handles:
            add_key(figure, plan, handles)
        else:
            say_missing(axes)
    return figure


def is_geometric(places: Collection[float]) -> bool:
    """Return whether three places or more are all the least one times a power of two."""
    if len(places) < _LEAST_PLACES or min(places) <= 0:
        return False
    powers = [math.log2(place / min(places)) for place in places]
    return all(abs(power - round(power)) < _NEAR for power in powers)


def _names(series: Series) -> list[str]:
    named = ((series.name, series.points), (f"{series.name} (paper)", series.printed))
    return [name for name, points in named if points]


def _draw(axes: Axes, series: Series, look: Look) -> list[Any]:
    """Draw a series, and return its handles for the key."""
    drawn: list[Any] = []
    if series.points:
        drawn.append(_bars(axes, series.points, look, "-", look.colour))
    if series.printed:
        drawn.append(_bars(axes, series.printed, look, "none", "white"))
    return drawn


def _bars(axes: Axes, points: Sequence[Point], look: Look, line: str, face: str) -> Any:
    """Draw points with error bars; a point without an sd has none."""
    has_bars = any(point.sd is not None for point in points)
    drawn: Any = axes.errorbar(  # a container of artists, which a key takes for one
        [point.x for point in points],
        [point.mean for point in points],
        yerr=[math.nan if point.sd is None else point.sd for point in points] if has_bars else None,
        color=look.colour,
        linestyle=line,
        marker=look.marker,
        markerfacecolor=face,
        elinewidth=0.8,
        zorder=2 if face != "white" else 3,
    )
    return drawn


def _scale(axes: Axes, x: Axis, places: Collection[float]) -> None:
    """Set doubled places at equal distances, and name the places if there are not too many."""
    if is_geometric(places):
        axes.set_xscale("log", base=2)
    named = [(place, name) for place, name in x.names if place in places]
    if not 0 < len(named) <= _MOST_NAMES:
        return
    axes.set_xticks([place for place, _ in named], ["\n".join(name.split()) for _, name in named])
    axes.set_xticks([], minor=True)
