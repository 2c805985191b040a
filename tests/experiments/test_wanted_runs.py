"""Which runs a table wants: shared ones once, changed by overrides, never with an axis removed."""

from __future__ import annotations

import pytest
from filled_store import SOMEDAY, with_what_is_not_built_yet

from olsrepro.experiments.files import experiments, load, load_with_extras
from olsrepro.experiments.request import Request
from olsrepro.experiments.wanted import distinct, wanted_cells
from olsrepro.settings import UserError

PAPER = Request("paper")
NEW_RUNS = {
    "table2": 165,
    "table7": 165,
    "table11": 18,
    "table3": 0,
    "figure3": 0,
    "figure4": 0,
    "figure5": 0,
    "table8": 6,
    "table12": 0,
    "figure1": 0,
    "table4": 16,
    "table9": 0,
    "table6": 192,
    "table10": 3,
    "figure7a": 8,
    "figure7b": 8,
    "ols_single": 3,
}
"""Section C.5 of the recipes: each shared run counted once, where it is first wanted."""


def new_runs(request: Request) -> dict[str, int]:
    seen: set[str] = set()
    counts = {}
    for experiment in experiments():
        if experiment.order is not None and not experiment.measure:
            runs = set(distinct([wanted_cells(experiment, request)]))
            counts[experiment.name] = len(runs - seen)
            seen |= runs
    return counts


def test_all_tables_want_584_distinct_runs_table_by_table() -> None:
    counts = new_runs(PAPER)
    assert counts == NEW_RUNS
    assert sum(counts.values()) == 584


def test_with_three_seeds_everywhere_they_want_666() -> None:
    assert sum(new_runs(Request("paper", (0, 1, 2))).values()) == 666


def ids(name: str, row: str, column: str, request: Request = PAPER) -> set[str]:
    return {run.id for run in wanted_cells(load(name), request)[row, column]}


def test_the_clean_column_of_table_7_is_table_11_and_holds_table_3() -> None:
    for method in ("hard", "ls", "ols"):
        clean = ids("table7", method, next(iter(load("table7").columns)))
        assert clean == ids("table11", method, "resnet56_top1")
        assert ids("table3", method, "models_1") < clean


def test_half_the_weight_in_figure_7a_is_the_run_of_table_8_and_all_of_it_is_hard_labels() -> None:
    assert ids("figure7a", "ols", "alpha_0_5") == ids("table8", "ols", "clean")
    assert ids("figure7a", "ols", "alpha_1") == ids("table8", "hard", "clean")


def test_a_quoted_row_wants_no_run() -> None:
    quoted = [row.key for row in load("table4").rows.values() if row.quoted]
    wanted = wanted_cells(load("table4"), PAPER)
    assert len(quoted) == 4
    assert not {row for row, _ in wanted} & set(quoted)


def test_what_is_not_built_yet_is_counted_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = wanted_cells(with_what_is_not_built_yet(load("table2"), monkeypatch), PAPER)[SOMEDAY, "resnet34"]
    assert [run.awaits for run in runs] == ["method=someday"] * 3
    assert not any(run.is_available for run in runs)
    assert len({run.id for run in runs}) == 3


def test_a_cell_whose_evaluation_is_not_built_yet_still_names_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = wanted_cells(with_what_is_not_built_yet(load("table2"), monkeypatch), PAPER)
    measured = cells["ols", SOMEDAY][0]
    assert measured.awaits == "evaluation=someday"
    assert measured.id == cells["ols", "resnet34"][0].id


def test_an_available_want_of_a_run_wins_over_one_that_waits() -> None:
    wanted = distinct([wanted_cells(load("table8"), PAPER)])
    assert all(run.is_available for run in wanted.values())


def test_preset_smoke_puts_stand_ins_for_the_data_sets_and_keeps_every_run_apart() -> None:
    smoke = distinct([wanted_cells(load("table11"), Request("smoke"))])
    names = {run.config.dataset.name for run in smoke.values() if run.config is not None}
    assert names == {"digits@cifar100"}
    assert len(smoke) == len(distinct([wanted_cells(load("table11"), Request("paper", (0,)))]))


def test_the_demo_trains_on_the_digits_themselves() -> None:
    runs = distinct([wanted_cells(load("demo"), Request("smoke"))]).values()
    assert {run.config.dataset.name for run in runs if run.config is not None} == {"digits"}


def test_an_override_changes_every_run() -> None:
    changed = distinct([wanted_cells(load("table8"), Request("paper", overrides=("recipe.epochs=7",)))])
    assert {run.config.recipe.epochs for run in changed.values() if run.config is not None} == {7}


def test_another_data_set_takes_the_place_of_the_tables_own() -> None:
    runs = distinct(
        [wanted_cells(load("figure7a"), Request("short", overrides=("dataset=digits", "backbone=resnet8")))]
    )
    configs = [run.config for run in runs.values() if run.config is not None]
    assert {(config.dataset.name, config.backbone.name) for config in configs} == {("digits", "resnet8")}
    assert len(configs) == 10


@pytest.mark.parametrize("line", ["method=ols", "backbone=resnet56"])
def test_an_override_that_removes_an_axis_is_refused(line: str) -> None:
    with pytest.raises(UserError, match=f"{line}: the .* of table2 differ in {line.partition('=')[0]}"):
        wanted_cells(load("table2"), Request("paper", overrides=(line,)))


def test_an_override_of_a_value_that_tells_columns_apart_is_refused() -> None:
    with pytest.raises(UserError, match=r"method\.alpha=0\.3: the columns of figure7a differ in method\.alpha"):
        wanted_cells(load("figure7a"), Request("paper", overrides=("method.alpha=0.3",)))


def test_a_run_that_does_not_compose_names_the_table() -> None:
    with pytest.raises(UserError, match=r"table8: recipe\.epochz=7"):
        wanted_cells(load("table8"), Request("paper", overrides=("recipe.epochz=7",)))


def test_a_stand_in_has_none_of_the_switches_of_the_set_that_it_stands_for() -> None:
    table5 = load_with_extras("table5")
    for preset, counts in (("paper", [1020, 2040]), ("smoke", [600, 600])):
        wanted = wanted_cells(table5, Request(preset))
        runs = [wanted[row, "train"][0] for row in ("flowers", "flowers_both")]
        assert [run.config.dataset.train_size for run in runs if run.config is not None] == counts
