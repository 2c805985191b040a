from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from picture_tables import METHODS, NAMES, cell, figure_table, key_of, panels, texts

from olsrepro.experiments.experiment import KINDS, Line, Printed
from olsrepro.experiments.files import experiments
from olsrepro.experiments.table import Cell, Table
from olsrepro.report.figure_data import Bars, Curve, Point, Scatter, Series
from olsrepro.report.picture import check_drawable, picture
from olsrepro.report.table_data import axis_of, panels_of, series_of
from olsrepro.settings import UserError

ALPHAS = (Line("a5", "0.5", x=0.5), Line("a1", "0.1", x=0.1))
POINTS = figure_table(
    "points",
    METHODS[1:],
    ALPHAS,
    {
        ("ols", "a5"): cell((5.0, 6.0), paper=Printed(5.1, 0.2)),
        ("ols", "a1"): cell((7.0,)),
        ("ls", "a1"): cell((), paper=Printed(6.5)),
    },
    sweep="update_period",
)
NOISE = tuple(
    Line(f"{rate}_{label}", label, group=f"{rate} %", metric=metric)
    for rate in (20, 40)
    for label, metric in (("training error", "train_err"), ("test error", "top1_err"))
)


def test_points_of_a_table_rise_along_the_axis_and_the_papers_stand_by_themselves() -> None:
    assert series_of(POINTS) == [
        Series("LS", (), (Point(0.1, 6.5),)),
        Series("OLS", (Point(0.1, 7.0), Point(0.5, 5.5, pytest.approx(0.5**0.5))), (Point(0.5, 5.1, 0.2),)),
    ]
    assert key_of(picture(POINTS)) == ["LS (paper)", "OLS", "OLS (paper)"]


def test_the_axis_has_the_names_of_the_sweep_and_of_its_places() -> None:
    axis = axis_of(POINTS)
    assert (axis.label, axis.names) == ("update period", ((0.1, "0.1"), (0.5, "0.5")))


def test_an_axis_of_rows_makes_the_same_picture() -> None:
    turned = replace(
        POINTS,
        rows=POINTS.columns,
        columns=POINTS.rows,
        cells={(column, row): item for (row, column), item in POINTS.cells.items()},
    )
    assert series_of(turned) == series_of(POINTS)
    assert axis_of(turned) == axis_of(POINTS)


def test_points_without_an_axis_are_refused() -> None:
    with pytest.raises(UserError, match="figure9 has no axis to draw points along: give each"):
        picture(figure_table("points"))


def test_groups_of_columns_stand_side_by_side_and_their_labels_below_each_other() -> None:
    table = figure_table("curves", columns=NOISE, cells={("ols", c.key): cell((1.0,), c.metric) for c in NOISE})
    curves = {("ols", "20_test error"): [[9.0, 5.0], [7.0]], ("hard", "40_training error"): [[3.0]]}
    grid = panels_of(table, curves)
    assert [[panel.title for panel in line] for line in grid] == [["20 %", "40 %"]] * 2
    assert [line[0].y_label for line in grid] == ["training error against the given labels (%)", "top-1 error (%)"]
    assert grid[1][0].curves == (
        Curve("Hard Label"),
        Curve("LS"),
        Curve("OLS", (1, 2), (8.0, 5.0), (7.0, 5.0), (9.0, 5.0)),
    )
    assert [[curve.name for curve in panel.drawn] for line in grid for panel in line] == [
        [],
        ["Hard Label"],
        ["OLS"],
        [],
    ]
    assert len(panels(picture(table, curves=curves))) == 4


@pytest.mark.parametrize("columns", [NOISE[:3], (NOISE[0], replace(NOISE[0], key="again"), *NOISE[2:]), NOISE[:2]])
def test_columns_that_form_no_grid_stand_in_one_line_under_their_whole_names(columns: tuple[Line, ...]) -> None:
    (line,) = panels_of(figure_table("curves", columns=columns), {})
    assert [panel.title for panel in line] == [f"{column.group}, {column.label}" for column in columns]


def test_bars_stand_side_by_side_row_by_row_and_what_is_missing_has_its_place() -> None:
    table = figure_table("bars", columns=(Line("cat", "cat"),))
    bars = {("ols", "cat"): Bars("Online", NAMES, [0.1] * 10, 3)}
    assert [axes.get_title() for axes in panels(picture(table, bars=bars))] == ["Hard Label", "LS", "Online"]


def test_embeddings_stand_a_line_for_each_column() -> None:
    table = figure_table("embedding", columns=(Line("train", "training images"), Line("test", "test images")))
    scatters = {("ls", "test"): Scatter("this", np.zeros((2, 2)), np.array([0, 1]))}
    titles = [axes.get_title() for axes in panels(picture(table, scatters=scatters))]
    assert titles == [f"{row.label}, training images" for row in METHODS] + [
        "Hard Label, test images",
        "this",
        "OLS, test images",
    ]


def test_a_table_has_no_picture_and_is_told_what_to_do() -> None:
    with pytest.raises(UserError, match="figure9 is a table and has no picture; write it as markdown, latex"):
        picture(figure_table("table"))


def of_experiment(name: str) -> Table:
    (experiment,) = (item for item in experiments() if item.name == name)
    missing = {key: Cell(experiment.metric_of(key), "missing", 1) for key in experiment.cells()}
    rows, columns = tuple(experiment.rows.values()), tuple(experiment.columns.values())
    return Table(experiment, rows, columns, missing, None, "paper", experiment.select, (0,))


@pytest.mark.parametrize("name", [item.name for item in experiments() if item.kind != "table"])
def test_every_figure_has_a_picture_before_any_run_is(name: str) -> None:
    table = of_experiment(name)
    check_drawable(table.experiment)
    figure = picture(table)
    assert all("no run yet" in [text.get_text() for text in axes.texts] for axes in panels(figure))
    assert table.experiment.title.split()[0] in texts(figure)[0]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "table"])
def test_title_and_caption_stand_around_every_kind(kind: str) -> None:
    table = replace(figure_table(kind), columns=(Line("c", "0.1", x=0.1),), overrides=("recipe.lr=$1$",))
    title, caption, *rest = texts(picture(table))
    assert title == "Figure 9: what it shows"
    said = " ".join(caption.split())
    for text in ("preset: short (fewer epochs", "seeds: 0, 1", "selection: last epoch", "cells: 0 of 3 complete"):
        assert text in said
    for text in ("recipe.lr=$1$", "commits: 62beea2+", "devices: CPU, x86_64", "A note of its own.", "of the table's."):
        assert text in said
    assert rest == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "table"])
def test_a_smoke_picture_bears_the_word_in_large_type(kind: str) -> None:
    table = replace(figure_table(kind, preset="smoke"), columns=(Line("c", "0.1", x=0.1),))
    figure = picture(table)
    (stamp,) = (text for text in figure.texts if text.get_text() == "smoke")
    assert stamp.get_fontsize() > 40
    assert "says nothing about the paper" in " ".join(texts(figure)[1].split())
