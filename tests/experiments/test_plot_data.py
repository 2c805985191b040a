from __future__ import annotations

import csv
import json
from dataclasses import replace
from io import StringIO
from math import sqrt
from pathlib import Path
from statistics import stdev

import numpy as np
import pytest
from drawn_tables import FACTS, TOP1
from numpy.typing import NDArray
from safetensors.numpy import save_file

from olsrepro.experiments.evaluated import Evaluated
from olsrepro.experiments.experiment import Experiment, Line
from olsrepro.experiments.render.plot_data import Curves, Plotted, plot_data
from olsrepro.experiments.table import Cell, Table
from olsrepro.settings import UserError

T_975 = {1: 12.706205, 2: 4.302653}
"""Student's t at .975 by degrees of freedom, from printed tables."""


def cell(*values: float) -> Cell:
    mean = sum(values) / len(values) if values else None
    sd = stdev(values) if len(values) > 1 else None
    return Cell(TOP1, "complete" if values else "missing", 3, dict(enumerate(values)), mean, sd)


FIGURE = Table(
    Experiment("figure7a", "error by alpha", "Figure 7(a)", kind="points"),
    (Line("ols", "OLS"), Line("ls", "LS")),
    (Line("a1", "0.1", x=0.1), Line("a5", "0.5", x=0.5)),
    {
        ("ols", "a1"): cell(6.0, 6.3, 6.6),
        ("ols", "a5"): cell(5.0, 5.5),
        ("ls", "a1"): cell(7.0),
        ("ls", "a5"): cell(),
    },
    None,
    preset="short",
    select="last",
    seeds=(0, 1, 2),
)
CURVES: Curves = {("ols", "a1"): [[90.0, 50.0, 30.0], [80.0, 60.0]], ("ls", "a5"): [[70.0]]}


def points(format: str, table: Table = FIGURE, curves: Curves | None = None) -> list[dict[str, str]]:
    text = plot_data([Plotted(table, curves)], format)
    if format == "json":
        return list(json.loads(text)["points"])
    return list(csv.DictReader(StringIO(text, newline=""), strict=True))


def test_a_point_has_its_place_its_mean_and_the_interval_of_it() -> None:
    first, second, third = points("json")
    assert {key: first[key] for key in ("row", "column", "series", "x", "n", "mean")} == {
        "row": "ols",
        "column": "a1",
        "series": "OLS",
        "x": 0.1,
        "n": 3,
        "mean": pytest.approx(6.3),
    }
    half = T_975[2] * 0.3 / sqrt(3)
    assert (first["low"], first["high"]) == (pytest.approx(6.3 - half), pytest.approx(6.3 + half))
    half = T_975[1] * stdev((5.0, 5.5)) / sqrt(2)
    assert (second["low"], second["high"]) == (pytest.approx(5.25 - half), pytest.approx(5.25 + half))
    assert (third["n"], third["sd"], third["low"], third["high"]) == (1, None, None, None)
    assert (first["min"], first["max"]) == (6.0, 6.6)


def test_a_missing_cell_is_no_point() -> None:
    assert [(line["row"], line["column"]) for line in points("csv")] == [("ols", "a1"), ("ols", "a5"), ("ls", "a1")]


def test_an_axis_of_rows_makes_the_columns_the_series() -> None:
    turned = replace(
        FIGURE,
        rows=FIGURE.columns,
        columns=FIGURE.rows,
        cells={(column, row): item for (row, column), item in FIGURE.cells.items()},
    )
    assert [(point["series"], point["x"]) for point in points("json", turned)] == [
        ("OLS", 0.1),
        ("LS", 0.1),
        ("OLS", 0.5),
    ]


def test_a_curve_has_a_point_for_each_epoch_over_the_runs_that_reached_it() -> None:
    lines = points("json", curves=CURVES)
    told = [(line["row"], line["x"], line["n"], line["mean"], line["min"], line["max"]) for line in lines]
    assert told == [
        ("ols", 1, 2, 85.0, 80.0, 90.0),
        ("ols", 2, 2, 55.0, 50.0, 60.0),
        ("ols", 3, 1, 30.0, 30.0, 30.0),
        ("ls", 1, 1, 70.0, 70.0, 70.0),
    ]
    assert lines[0]["series"] == "OLS, 0.1"


@pytest.mark.parametrize("curves", [None, CURVES], ids=["points", "curves"])
def test_csv_and_json_say_the_same_and_every_line_has_preset_rule_and_seeds(curves: Curves | None) -> None:
    for line, point in zip(points("csv", curves=curves), points("json", curves=curves), strict=True):
        assert (line["experiment"], line["preset"], line["select"], line["seeds"]) == (
            "figure7a",
            "short",
            "last",
            "0 1 2",
        )
        assert {key: line[key] for key in point} == {
            key: "" if value is None else str(value) for key, value in point.items()
        }
    whole = json.loads(plot_data([Plotted(FIGURE, curves)], "json"))
    assert (whole["preset"], whole["select"], whole["seeds"], whole["kind"]) == ("short", "last", [0, 1, 2], "points")


def test_several_figures_have_one_header_and_are_a_list() -> None:
    figures = [Plotted(FIGURE, CURVES), Plotted(FACTS)]
    assert [item["experiment"] for item in json.loads(plot_data(figures, "json"))] == ["figure7a", "table1"]
    lines = list(csv.DictReader(StringIO(plot_data(figures, "csv"), newline=""), strict=True))
    assert [line["experiment"] for line in lines] == ["figure7a"] * 4 + ["table1"] * 3


def test_a_figure_without_a_run_has_its_header_and_no_point() -> None:
    empty = replace(FIGURE, cells={key: cell() for key in FIGURE.cells})
    assert plot_data([Plotted(empty)], "csv").startswith("experiment,preset,select,seeds,")
    assert points("csv", empty) == []
    assert points("json", empty) == []


def test_another_format_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"format=jsn is not known for plot data; did you mean json\?"):
        plot_data([Plotted(FIGURE)], "jsn")


def evaluated(folder: Path, detail: dict[str, object], **tensors: NDArray[np.generic]) -> Evaluated:
    if tensors:
        save_file(tensors, folder / "tensors.safetensors")
    return Evaluated({"detail": detail, "values": {}}, folder)


def test_a_label_is_a_line_for_each_of_its_classes(tmp_path: Path) -> None:
    bars = replace(FIGURE, experiment=Experiment("figure1", "labels", "Figure 1", kind="bars"))
    one = evaluated(tmp_path, {"class_names": ["cat", "dog"], "row": [0.75, 0.25], "target": 0})
    lines = list(Plotted(bars, evaluated={("ols", "a1"): one}).lines())
    assert [(line["series"], line["x"], line["name"], line["mean"]) for line in lines] == [
        ("OLS", 0, "cat", 0.75),
        ("OLS", 1, "dog", 0.25),
    ]
    assert "cat" in plot_data([Plotted(bars, evaluated={("ols", "a1"): one})], "csv")


def test_an_embedded_sample_is_a_line_with_its_two_numbers_and_its_class(tmp_path: Path) -> None:
    shown = replace(FIGURE, experiment=Experiment("figure3", "embedding", "Figure 3", kind="embedding"))
    points = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32)
    one = evaluated(tmp_path, {"class_names": ["cat", "dog"]}, points=points, labels=np.array([1, 0]))
    lines = list(Plotted(shown, evaluated={("ls", "a5"): one}).lines())
    assert [(line["series"], line["x"], line["y"], line["name"]) for line in lines] == [
        ("LS", 1.0, 2.0, "dog"),
        ("LS", 3.0, 4.0, "cat"),
    ]


POINTS = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32)


@pytest.mark.parametrize(
    "tensors",
    [
        {"points": POINTS},
        {"points": POINTS, "labels": np.array([1])},
        {"points": POINTS, "labels": np.array([1, 2])},
        {"points": POINTS, "labels": np.array([-1, 0])},
        {"points": POINTS[:, :1], "labels": np.array([1, 0])},
        {"points": POINTS.astype(np.int64), "labels": np.array([1, 0])},
    ],
)
def test_samples_that_do_not_go_together_are_refused(tensors: dict[str, NDArray[np.generic]], tmp_path: Path) -> None:
    one = evaluated(tmp_path, {"class_names": ["cat", "dog"]}, **tensors)
    with pytest.raises(UserError, match=r"tensors\.safetensors holds no point and no class for each sample; move its"):
        one.embedded()


def test_samples_without_a_picture_are_none(tmp_path: Path) -> None:
    assert evaluated(tmp_path, {"class_names": ["cat", "dog"]}, labels=np.array([1, 0])).embedded() is None
