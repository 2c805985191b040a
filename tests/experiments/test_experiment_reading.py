"""Reading an experiment file: what it comes to, what is refused and how, and by which names it is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from olsrepro.experiments.experiment import Experiment, Printed
from olsrepro.experiments.files import find, read
from olsrepro.settings import UserError

SMALL = """
title: small
base: [dataset=digits]
rows:
  a: { label: A, run: [method=hard], also: { y: [recipe.epochs=2] } }
  b: { label: B, run: [method=ls], quoted: elsewhere }
columns:
  x: { label: X, metric: ece, evaluate: { name: ece, bins: 15 } }
  y: { label: Y, run: [seed=1], also: { b: [method.eps=0.2] } }
average: { key: mean, label: Mean, baseline: { y: x } }
paper:
  n: 3
  values:
    a: { x: [1.5, 0.25], y: 2 }
    mean: { y: 0.5 }
claims:
  C1: { says: a is better, better: a, than: b, over: [x, y] }
"""


def read_text(folder: Path, text: str) -> Experiment:
    path = folder / "small.yaml"
    path.write_text(text)
    return read(path)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(UserError) as caught:
        read_text(folder, text)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_printed_numbers_have_the_tables_n_but_those_of_the_average_row(tmp_path: Path) -> None:
    assert read_text(tmp_path, SMALL).paper == {
        ("a", "x"): Printed(1.5, 0.25, 3),
        ("a", "y"): Printed(2, None, 3),
        ("mean", "y"): Printed(0.5, None, None),
    }


def test_a_cells_overrides_are_those_of_base_row_column_and_of_the_pair(tmp_path: Path) -> None:
    experiment = read_text(tmp_path, SMALL)
    assert experiment.lines_of(("a", "x")) == ("dataset=digits", "method=hard")
    assert experiment.lines_of(("a", "y")) == ("dataset=digits", "method=hard", "seed=1", "recipe.epochs=2")
    assert experiment.lines_of(("b", "y")) == ("dataset=digits", "method=ls", "seed=1", "method.eps=0.2")


def test_one_key_stands_for_a_list_of_one(tmp_path: Path) -> None:
    (claim,) = read_text(tmp_path, SMALL).claims
    assert (claim.id, claim.than, claim.over) == ("C1", ("b",), ("x", "y"))


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("title: small", "titel: small", "small has no titel; did you mean title"),
        ("label: A,", "lable: A,", "a has no lable; did you mean label"),
        ("than: b", "then: b", "C1 has no then; did you mean than"),
        ("than: b", "than: [b, xa]", "xa is not a row"),
        ("over: [x, y]", "over: a", "a is not a column"),
        ("n: 3", "n_infered: 3", "paper has no n_infered; did you mean n_inferred"),
        ("a: { x: [1.5", "c: { x: [1.5", "c is not a row"),
        ("y: 2 }", "z: 2 }", "z is not a column"),
        ("{ y: [recipe", "{ b: [recipe", "b is not a column"),
        ("also: { b:", "also: { mien:", "mien is not a row; did you mean mean"),
        ("baseline: { y: x }", "baseline: { y: b }", "b is not a column"),
        ("better: a", "kind: beter, better: a", "kind=beter is not known; did you mean better"),
        ("title: small", "title: small\nselect: lst", "select=lst is not known; did you mean last"),
        ("title: small", "title: [small", "can't be read"),
    ],
)
def test_a_mistake_is_told_with_the_file_and_the_nearest_names(
    tmp_path: Path, right: str, wrong: str, told: str
) -> None:
    assert right in SMALL
    message = refusal(tmp_path, SMALL.replace(right, wrong, 1))
    assert told in message
    assert str(tmp_path / "small.yaml") in message


@pytest.mark.parametrize(
    ("typed", "prefix", "name"),
    [
        ("2", "table", "table2"),
        ("II", "table", "table2"),
        ("xii", "table", "table12"),
        ("Table VII", "table", "table7"),
        ("table2", "figure", "table2"),
        ("7a", "figure", "figure7a"),
        ("7A", "table", "figure7a"),
        ("fig1", "figure", "figure1"),
        ("Figure 7b", "table", "figure7b"),
        ("check", "table", "check"),
        ("ols_single", "figure", "ols_single"),
        ("alpha", "table", "figure7a"),
        ("update_period", "table", "figure7b"),
    ],
)
def test_an_experiment_is_found_as_the_paper_and_users_name_it(typed: str, prefix: str, name: str) -> None:
    assert find(typed, prefix).name == name


@pytest.mark.parametrize("typed", ["2", "6", "figure2"])
def test_a_drawing_is_told_to_be_one(typed: str) -> None:
    with pytest.raises(UserError, match=r"Figure \d is a drawing"):
        find(typed, "figure")


@pytest.mark.parametrize(("typed", "told"), [("tabel2", "table2"), ("figure7", "figure7a"), ("", "valid: ")])
def test_an_unknown_name_is_answered_with_the_nearest(typed: str, told: str) -> None:
    with pytest.raises(UserError, match="is not a table, figure or sweep") as caught:
        find(typed, "table")
    assert told in str(caught.value)
