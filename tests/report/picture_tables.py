"""Tables of figures made by hand, and what is found in their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from olsrepro.experiments.experiment import CellKey, Experiment, Line, Printed
from olsrepro.experiments.metrics import metric
from olsrepro.experiments.table import Cell, Table

NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
METHODS = (Line("hard", "Hard Label"), Line("ls", "LS"), Line("ols", "OLS"))


def cell(values: Sequence[float], name: str = "top1_err", paper: Printed | None = None) -> Cell:
    mean = fmean(values) if values else None
    sd = stdev(values) if len(values) > 1 else None
    state = "complete" if values else "missing"
    return Cell(metric(name), state, max(1, len(values)), dict(enumerate(values)), mean, sd, paper)


def figure_table(
    kind: str,
    rows: Sequence[Line] = METHODS,
    columns: Sequence[Line] = (Line("c", "40 %"),),
    cells: Mapping[CellKey, Cell] | None = None,
    preset: str = "short",
    sweep: str = "",
) -> Table:
    """A figure's table; cells that are not given are missing."""
    experiment = Experiment("figure9", "what it shows", "Figure 9", kind=kind, sweep=sweep, note="A note of its own.")
    missing = {(row.key, column.key): cell((), column.metric or "top1_err") for row in rows for column in columns}
    return Table(
        experiment,
        tuple(rows),
        tuple(columns),
        missing | dict(cells or {}),
        None,
        preset=preset,
        select="last",
        seeds=(0, 1),
        commits=("62beea2+",),
        devices=("CPU, x86_64",),
        notes=("A note of the table's.",),
    )


def panels(figure: Figure) -> list[Axes]:
    return list(figure.axes)


def key_of(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def texts(figure: Figure) -> list[str]:
    """What is written on the sheet, outside the panels."""
    return [text.get_text() for text in figure.texts]


def all_text(artist: Artist) -> list[Text]:
    return [item for item in artist.findobj(Text) if isinstance(item, Text) and item.get_text() and item.get_visible()]
