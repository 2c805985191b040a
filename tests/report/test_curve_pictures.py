from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from picture_tables import key_of, panels

from olsrepro.report.curves import draw_curves
from olsrepro.report.figure_data import Curve, CurvePanel, Words
from olsrepro.report.style import COLUMN, PAGE

EPOCHS = (1, 2, 3)
OLS = Curve("OLS", EPOCHS, (90.0, 50.0, 30.0), (88.0, 45.0, 30.0), (92.0, 55.0, 30.0))
LS = Curve("LS", EPOCHS, (91.0, 60.0, 20.0), (91.0, 60.0, 20.0), (91.0, 60.0, 20.0))
LABEL = "top-1 error (%)"
WORDS = Words("A title")


def panel(*curves: Curve, title: str = "20 %", label: str = LABEL) -> CurvePanel:
    return CurvePanel(title, label, curves)


def drawn(*curves: Curve) -> Axes:
    (axes,) = panels(draw_curves([[panel(*curves)]], WORDS))
    return axes


def bands(axes: Axes) -> list[PolyCollection]:
    return [item for item in axes.collections if isinstance(item, PolyCollection)]


def test_a_line_goes_through_the_means() -> None:
    (line,) = drawn(OLS).lines
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([1, 2, 3], [90.0, 50.0, 30.0])


def test_a_band_reaches_from_the_least_to_the_greatest_seed() -> None:
    (band,) = bands(drawn(OLS))
    corners = band.get_paths()[0].vertices
    spans = [
        (corners[corners[:, 0] == epoch][:, 1].min(), corners[corners[:, 0] == epoch][:, 1].max()) for epoch in EPOCHS
    ]
    assert spans == [(88.0, 92.0), (45.0, 55.0), (30.0, 30.0)]


def test_one_seed_has_no_band() -> None:
    assert bands(drawn(LS)) == []


def test_curves_differ_in_colour_line_and_marker() -> None:
    first, second = drawn(OLS, LS).lines
    assert first.get_color() != second.get_color()
    assert first.get_linestyle() != second.get_linestyle()
    assert first.get_marker() != second.get_marker()


def test_a_curve_looks_the_same_in_every_panel_and_is_once_in_the_key() -> None:
    figure = draw_curves([[panel(OLS, LS), panel(Curve("OLS"), LS)]], WORDS)
    first, second = panels(figure)
    assert second.lines[0].get_color() == first.lines[1].get_color()
    assert key_of(figure) == ["OLS", "LS"]


def test_a_curve_without_an_epoch_keeps_its_colour_and_is_not_in_the_key() -> None:
    figure = draw_curves([[panel(Curve("OLS"), LS)]], WORDS)
    assert panels(figure)[0].lines[0].get_color() == drawn(OLS, LS).lines[1].get_color()
    assert key_of(figure) == ["LS"]


def test_panels_stand_line_by_line_on_a_page_with_one_vertical_axis_a_line() -> None:
    high = Curve("OLS", (1,), (99.0,), (99.0,), (99.0,))
    grid = [
        [panel(OLS, title="20 %"), panel(high, title="40 %")],
        [panel(LS, title="20 %", label="other"), panel(title="40 %", label="other")],
    ]
    figure = draw_curves(grid, WORDS)
    first, second, third, fourth = panels(figure)
    assert [axes.get_title() for axes in figure.axes] == ["20 %", "40 %"] * 2
    assert first.get_ylim() == second.get_ylim() != third.get_ylim()
    assert [axes.get_ylabel() for axes in figure.axes] == [LABEL, "", "other", ""]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "epoch", "epoch"]
    assert [text.get_text() for text in fourth.texts] == ["no run yet"]
    assert figure.get_figwidth() == PAGE


def test_a_single_panel_is_one_column_wide() -> None:
    assert draw_curves([[panel(OLS)]], WORDS).get_figwidth() == COLUMN


def test_few_epochs_have_whole_numbers_as_ticks() -> None:
    axes = drawn(OLS)
    ticks = np.asarray(axes.get_xticks())
    assert (ticks == ticks.round()).all()


def test_a_long_curve_has_a_few_markers_that_are_not_those_of_the_others() -> None:
    epochs = tuple(range(1, 301))
    level = tuple(1.0 for _ in epochs)
    axes = drawn(*(Curve(name, epochs, level, level, level) for name in ("hard", "ls", "ols")))
    marked: list[set[int]] = [
        set(range(300)[line.get_markevery()[0] :: line.get_markevery()[1]]) for line in axes.lines
    ]
    assert all(5 <= len(places) <= 10 for places in marked)
    assert not set.intersection(*marked[:2])
    assert not set.intersection(*marked[1:])


def test_a_curve_of_uneven_lengths_is_refused() -> None:
    with pytest.raises(ValueError, match="curve OLS must have as many"):
        Curve("OLS", (1, 2), (3.0,), (3.0,), (3.0,))
