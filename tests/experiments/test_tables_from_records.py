"""From records in a store to the table model: cells, foot-notes, verdicts, provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import pytest
from filled_store import SOMEDAY, ErrorOf, fill_store, finished_record, with_what_is_not_built_yet
from written_records import put_record

from olsrepro.experiments.aggregate import build_table
from olsrepro.experiments.collect import outcomes
from olsrepro.experiments.experiment import AverageRow, CellKey, Experiment
from olsrepro.experiments.files import load
from olsrepro.experiments.request import Request
from olsrepro.experiments.table import Table, Verdict
from olsrepro.experiments.wanted import Wanted, distinct, wanted_cells
from olsrepro.store.record import FAILED

TABLE2 = load("table2")
SPREAD = (-0.1, 0.0, 0.1)


def as_printed(experiment: Experiment) -> ErrorOf:
    """Errors whose mean is the paper's and whose sd is .1."""

    def error(cell: CellKey, seed: int) -> float:
        printed = experiment.paper.get(cell)
        return (printed.mean if printed else 50.0) + SPREAD[seed % 3]

    return error


def table(experiment: Experiment, root: Path, request: Request = Request("paper")) -> Table:  # noqa: B008
    wanted = wanted_cells(experiment, request)
    found = outcomes(distinct([wanted]).values(), root, experiment.measure)
    return build_table(experiment, request, wanted, found, "olsrepro table 2 preset=short")


def verdicts(of: Table) -> Mapping[str, Verdict]:
    return {verdict.claim: verdict for verdict in of.verdicts}


def run_of(row: str, column: str, seed: int = 0) -> Wanted:
    return wanted_cells(TABLE2, Request("paper"))[row, column][seed]


def test_a_cell_is_the_mean_and_sample_sd_over_its_seeds(tmp_path: Path) -> None:
    errors = {0: 20.0, 1: 21.0, 2: 24.5}
    fill_store(tmp_path, TABLE2, Request("paper"), lambda _, seed: errors[seed])
    cell = table(TABLE2, tmp_path).cells["ols", "resnet34"]
    assert (cell.state, cell.wanted, cell.n) == ("complete", 3, 3)
    assert cell.values == errors
    assert cell.mean == pytest.approx(fmean(errors.values()))
    assert cell.sd == pytest.approx(stdev(errors.values()))
    assert cell.difference is not None
    assert cell.difference.difference == pytest.approx(fmean(errors.values()) - 20.04)


def test_an_empty_store_is_a_table_of_missing_cells_with_the_command_that_fills_them(tmp_path: Path) -> None:
    empty = table(TABLE2, tmp_path, Request("short", (0, 1), overrides=("recipe.lr=0.2",)))
    cell = empty.cells["ols", "resnet34"]
    assert (cell.state, cell.mean) == ("missing", None)
    assert [empty.footnotes[mark - 1] for mark in cell.marks] == [
        "missing runs are trained by: olsrepro table 2 preset=short"
    ]
    assert not empty.is_complete


def test_a_cell_with_some_of_its_runs_counts_those(tmp_path: Path) -> None:
    put_record(tmp_path / run_of("ols", "resnet34").id, finished_record(run_of("ols", "resnet34"), 20.0))
    cell = table(TABLE2, tmp_path).cells["ols", "resnet34"]
    assert (cell.state, cell.n, cell.wanted, cell.sd) == ("incomplete", 1, 3, None)


def test_what_is_not_built_yet_is_named_in_a_foot_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = table(with_what_is_not_built_yet(TABLE2, monkeypatch), tmp_path)
    cell = built.cells[SOMEDAY, "resnet50"]
    assert cell.state == "unavailable"
    assert [built.footnotes[mark - 1] for mark in cell.marks] == ["not available yet: method=someday"]


def test_a_failed_run_is_a_foot_note_and_the_rest_of_the_table_stands(tmp_path: Path) -> None:
    fill_store(tmp_path, TABLE2, Request("paper"), as_printed(TABLE2))
    run = run_of("ls", "resnet34", 1)
    error = {"kind": "crash", "message": "boom", "traceback": None, "at": "now"}
    put_record(tmp_path / run.id, {**finished_record(run, 1.0), "status": FAILED, "error": error})
    built = table(TABLE2, tmp_path)
    cell = built.cells["ls", "resnet34"]
    assert set(cell.values) == {0, 2}
    assert built.footnotes[cell.marks[0] - 1] == f"{run.id} failed (crash): boom"
    assert built.cells["ls", "resnet50"].state == "complete"


def test_a_record_edited_by_hand_is_named_and_not_counted(tmp_path: Path) -> None:
    fill_store(tmp_path, TABLE2, Request("paper"), as_printed(TABLE2))
    path = tmp_path / run_of("ls", "resnet34", 1).id / "record.json"
    path.write_text(path.read_text().replace("20.94", "10.94"))
    built = table(TABLE2, tmp_path)
    cell = built.cells["ls", "resnet34"]
    assert set(cell.values) == {0, 2}
    assert str(path) in built.footnotes[cell.marks[0] - 1]


def test_the_papers_own_numbers_give_verdicts_and_bold_under_preset_paper(tmp_path: Path) -> None:
    for run in fill_store(tmp_path, TABLE2, Request("paper"), as_printed(TABLE2)):
        if run.id in {own.id for own in wanted_cells(TABLE2, Request("paper"))["byot_ols", "resnet34"]}:
            (tmp_path / run.id / "record.json").unlink()
    built = table(TABLE2, tmp_path)
    found = verdicts(built)
    assert found["C2.1"].verdict == "holds"
    assert found["C2.1"].paper == "undecided, 2 of 5"
    assert found["C2.5"].verdict == ""
    assert found["C2.5"].reason == "1 of 10 cells missing"
    assert built.families == {"top1_err": 17}
    assert [(pool.sd, pool.df) for pool in built.pools] == [(pytest.approx(0.1), 2 * 54)]
    bold = {cell for cell, drawn in built.cells.items() if drawn.bold}
    united = {("byot_ols", column) for column in ("resnet50", "resnet101", "resnext29_2x64d")}
    assert bold == united | {("ols", "resnet34"), ("ols", "resnext29_32x4d")}


@pytest.mark.parametrize(("preset", "trend"), [("short", "for"), ("mini", "for"), ("smoke", "")])
def test_another_preset_gives_no_verdict(preset: str, trend: str, tmp_path: Path) -> None:
    request = Request(preset, (0, 1, 2))
    fill_store(tmp_path, TABLE2, request, as_printed(TABLE2))
    found = verdicts(table(TABLE2, tmp_path, request))["C2.1"]
    assert (found.verdict, found.trend) == ("", trend)


def test_an_override_gives_no_verdict_but_a_trend(tmp_path: Path) -> None:
    request = Request("paper", overrides=("recipe.lr=0.2",))
    fill_store(tmp_path, TABLE2, request, as_printed(TABLE2))
    found = verdicts(table(TABLE2, tmp_path, request))["C2.1"]
    assert (found.verdict, found.trend) == ("", "for")


def test_where_it_ran_changes_no_verdict(tmp_path: Path) -> None:
    request = Request("paper", overrides=("runtime.device=cpu",))
    fill_store(tmp_path, TABLE2, request, as_printed(TABLE2))
    assert verdicts(table(TABLE2, tmp_path, request))["C2.1"].verdict == "holds"


def test_a_verdict_that_the_last_epoch_does_not_bear_out_is_undecided(tmp_path: Path) -> None:
    for cell, runs in wanted_cells(TABLE2, Request("paper")).items():
        for run in (run for run in runs if run.config is not None):
            best = as_printed(TABLE2)(cell, run.seed)
            put_record(tmp_path / run.id, finished_record(run, 30.0 + SPREAD[run.seed], best))
    found = verdicts(table(TABLE2, tmp_path))["C2.1"]
    assert (found.verdict, found.reason) == ("undecided", "selection")


def test_a_table_whose_rule_is_the_last_epoch_is_judged_by_that_alone(tmp_path: Path) -> None:
    demo = load("demo")
    for cell, runs in wanted_cells(demo, Request()).items():
        for run in runs:
            last = {"hard": 30.0, "ls": 29.0, "ols": 25.0}[cell[0]] + SPREAD[run.seed % 3]
            put_record(tmp_path / run.id, finished_record(run, last, best=10.0 + SPREAD[run.seed % 3]))
    assert verdicts(table(demo, tmp_path, Request()))["D1"].verdict == "holds"


def test_what_a_table_comes_from_is_listed(tmp_path: Path) -> None:
    fill_store(tmp_path, TABLE2, Request("paper"), as_printed(TABLE2))
    run = run_of("ls", "resnet34", 1)
    record = finished_record(run, 20.94)
    record["history"][0]["code"] = {"commit": "fedcba9876543210", "dirty": "1234"}
    put_record(tmp_path / run.id, record)
    built = table(TABLE2, tmp_path)
    assert built.commits == ("0123456", "fedcba9+")
    assert built.devices == ("cpu: a test's x 2",)
    assert built.seeds == (0, 1, 2)


def small_fine_grained() -> Experiment:
    """Table VI on networks and data sets that are there already."""
    table6 = load("table6")
    runs = {
        "tfkd": ("method=tfkd_reg",),
    }
    rows = {
        key: replace(row, run=("dataset=cifar10", f"backbone=resnet{8 + 6 * n}"), also={})
        for n, (key, row) in enumerate(list(table6.rows.items())[:3])
    }
    columns = {
        key: replace(column, run=runs.get(key.split("_")[0], column.run[:1]), also={})
        for key, column in table6.columns.items()
    }
    return replace(table6, base=(), rows=rows, columns=columns, claims=())


def test_the_average_row_is_the_mean_gain_over_the_baseline(tmp_path: Path) -> None:
    experiment = small_fine_grained()
    assert experiment.average is not None
    errors = {"hard": 20.0, "ls": 19.0, "tfkd": 19.5, "ols": 18.0}
    fill_store(tmp_path, experiment, Request("paper"), lambda cell, _: errors[cell[1].split("_")[0]])
    built = table(experiment, tmp_path)
    gains = {column: built.cells[experiment.average.key, column].mean for column in experiment.average.baseline}
    assert {column: gain for column, gain in gains.items() if column.endswith("top1")} == {
        column: 20.0 - errors[column.split("_")[0]] for column in gains if column.endswith("top1")
    }


def test_there_is_no_average_over_a_missing_cell(tmp_path: Path) -> None:
    experiment = small_fine_grained()
    assert experiment.average is not None
    runs = fill_store(tmp_path, experiment, Request("paper"), lambda *_: 20.0)
    lost = next(run for run in runs if run.config is not None and run.config.method.name == "ols")
    (tmp_path / lost.id / "record.json").unlink()
    built = table(experiment, tmp_path)
    assert built.cells[experiment.average.key, "ols_top1"].mean is None
    assert built.cells[experiment.average.key, "ls_top1"].mean is not None


def with_a_row_that_deviates() -> Experiment:
    rows = {**TABLE2.rows, "ols": replace(TABLE2.rows["ols"], deviates="of another start")}
    return replace(TABLE2, rows=rows)


def test_a_row_that_deviates_is_shown_with_a_foot_note_and_compared_with_none_of_the_papers(tmp_path: Path) -> None:
    deviating = with_a_row_that_deviates()
    fill_store(tmp_path, deviating, Request("paper"), as_printed(deviating))
    plain, apart = table(TABLE2, tmp_path), table(deviating, tmp_path)
    cell, own = apart.cells["ols", "resnet34"], plain.cells["ols", "resnet34"]
    assert (cell.mean, cell.state, cell.paper) == (own.mean, "complete", own.paper)
    assert own.difference is not None
    assert cell.difference is None
    assert [apart.footnotes[mark - 1] for mark in cell.marks] == ["of another start"]
    assert apart.cells["ls", "resnet34"] == plain.cells["ls", "resnet34"]


def test_a_claim_on_a_row_that_deviates_has_no_verdict_and_says_why(tmp_path: Path) -> None:
    deviating = with_a_row_that_deviates()
    fill_store(tmp_path, deviating, Request("paper"), as_printed(deviating))
    judged, ours = verdicts(table(TABLE2, tmp_path)), verdicts(table(deviating, tmp_path))
    about = {claim.id for claim in TABLE2.claims if "ols" in (claim.better, *claim.than)}
    assert about
    assert all(judged[claim].verdict for claim in about)
    for claim in about:
        assert not ours[claim].verdict
        assert "cells not comparable" in ours[claim].reason
        assert ours[claim].paper == judged[claim].paper, "the paper's own numbers are judged all the same"


def test_the_average_over_rows_that_deviate_in_part_refers_to_their_foot_note(tmp_path: Path) -> None:
    small = replace(TABLE2, average=AverageRow("average", "Average", {"resnet34": "resnet34"}))
    rows = {**small.rows, "ols": replace(small.rows["ols"], deviates="of another start")}
    found = table(replace(small, rows=rows), tmp_path)
    assert [found.footnotes[mark - 1] for mark in found.cells["average", "resnet34"].marks] == ["of another start"]
    assert table(small, tmp_path).cells["average", "resnet34"].marks == ()
