"""Pictures of embedded samples (Figure 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from olsrepro.report.figure_data import Missing, Scatter, Words
from olsrepro.report.panels import PanelGrid, add_key, say_missing, sheet
from olsrepro.report.style import CLASS_COLOURS, COLUMN, TICK, applied, sheet_width
from olsrepro.report.text_fit import shortened

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAME_WIDTH = 1.1
_AREA = 12000.0  # total area of a panel's points, in square points
_LARGEST = 12.0


def draw_embedding(panels: Sequence[Sequence[Scatter | Missing]], words: Words) -> Figure:
    """Draw panels line by line, all lines of equal length; a missing one says so.

    Of more than ten classes, each tenth in their order has one colour. A panel has no ticks: its distances mean
    nothing by themselves.
    """
    across = len(panels[0])
    shown = [scatter for line in panels for scatter in line if isinstance(scatter, Scatter)]
    key = _key(shown[0]) if shown else ()
    width = sheet_width(across)
    with applied():
        plan = PanelGrid(words, width, min(width / across, COLUMN), len(panels), across, key, shares_y=False)
        figure, grid = sheet(plan)
        for line, drawn in zip(panels, grid, strict=True):
            for scatter, axes in zip(line, drawn, strict=True):
                _clear(axes)
                _draw(axes, scatter) if isinstance(scatter, Scatter) else say_missing(axes, scatter.title)
        if key:
            add_key(figure, plan, [_dot(place) for place in range(len(key))], length=0.6)
    return figure


def colour_places(classes: int) -> list[int]:
    """Return each class's colour index: its own up to ten classes, else one for each tenth of them, in order."""
    colours = len(CLASS_COLOURS)
    return [place if classes <= colours else place * colours // classes for place in range(classes)]


def _key(scatter: Scatter) -> tuple[str, ...]:
    """Name each colour, as in ``first … last`` where classes share it."""
    places = colour_places(scatter.num_classes)
    names = scatter.classes or [f"class {place}" for place in range(scatter.num_classes)]
    shared = [[name for name, own in zip(names, places, strict=True) if own == place] for place in sorted({*places})]
    texts = (items[0] if len(items) == 1 else f"{items[0]} … {items[-1]}" for items in shared)
    return tuple(shortened(text, _NAME_WIDTH, TICK) for text in texts)


def _dot(place: int) -> Artist:
    from matplotlib.lines import Line2D

    return Line2D([], [], linestyle="none", marker="o", color=CLASS_COLOURS[place])


def _clear(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(True)


def _draw(axes: Axes, scatter: Scatter) -> None:
    places = colour_places(scatter.num_classes)
    axes.scatter(
        scatter.points[:, 0],
        scatter.points[:, 1],
        s=min(_LARGEST, _AREA / max(1, len(scatter.labels))),
        c=[CLASS_COLOURS[places[label]] for label in scatter.labels],
        linewidths=0,
        rasterized=True,  # ten thousand circles would make an SVG file of megabytes
    )
    axes.set_title(scatter.title)
    axes.set_xlabel(scatter.number)
