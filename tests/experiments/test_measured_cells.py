"""Cells that are measured after training: by what, for which weights, with which parameters, and where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from filled_store import fill_store
from written_records import evaluation, put_record

from olsrepro.experiments.aggregate import build_table
from olsrepro.experiments.collect import outcomes
from olsrepro.experiments.evaluated import evaluated
from olsrepro.experiments.experiment import CellKey, Experiment
from olsrepro.experiments.files import experiments, load
from olsrepro.experiments.request import Request, parse_request
from olsrepro.experiments.table import Table
from olsrepro.experiments.wanted import Wanted, distinct, measurements, wanted_cells, with_ensembles
from olsrepro.settings import UserError
from olsrepro.store.evaluations import evaluation_folder, evaluation_id

SMOKE = Request("smoke")


def wants(experiment: Experiment, cell: CellKey, request: Request = SMOKE) -> tuple[Wanted, ...]:
    return wanted_cells(experiment, request)[cell]


def put_evaluation(root: Path, run: Wanted, select: str, **values: float) -> None:
    settings = run.evaluations[select]
    detail = {"class_names": ["a", "cat"], "row": [0.25, 0.75], "target": 1}
    record = evaluation(evaluation_id(settings), run.id, values=values, detail=detail)
    put_record(evaluation_folder(root / run.id, settings), record)


def table(experiment: Experiment, root: Path, request: Request = SMOKE) -> Table:
    wanted = wanted_cells(experiment, request)
    found = outcomes(distinct([wanted]).values(), root)
    return build_table(experiment, request, wanted, found, "olsrepro table")


def test_a_cell_without_an_evaluation_reads_the_runs_own_errors() -> None:
    assert all(not run.evaluations for run in wants(load("table8"), ("ols", "clean")))


def test_a_cells_evaluation_has_the_parameters_of_its_line_and_the_weights_of_the_selection_rule() -> None:
    (run,) = wants(load("table8"), ("ols", "pgd"))
    assert {rule: settings.weights for rule, settings in run.evaluations.items()} == {"best": "best"}
    assert getattr(run.evaluations["best"], "iterations") == 20  # noqa: B009 - of one evaluation, not of all
    (last,) = wants(load("table8"), ("ols", "pgd"), Request("smoke", select="last"))
    assert last.evaluations["last"].weights == "last"
    (mean,) = wants(load("table8"), ("ols", "pgd"), Request("smoke", select="mean_of_last_ten"))
    assert mean.evaluations["mean_of_last_ten"].weights == "last"


def test_where_verdicts_look_at_both_rules_both_are_measured() -> None:
    runs = wants(load("table11"), ("ols", "resnet56_ece"), Request("paper"))
    assert all(
        {rule: settings.weights for rule, settings in run.evaluations.items()} == {"best": "best", "last": "last"}
        for run in runs
    )


def test_typed_parameters_reach_the_evaluation_and_no_run() -> None:
    request = parse_request(["preset=smoke", "fgsm.epsilon=4/255", "fgsm.first=10"])
    (changed,), (plain,) = (wants(load("table8"), ("ls", "fgsm"), asked) for asked in (request, SMOKE))
    assert changed.id == plain.id
    assert evaluation_id(changed.evaluations["best"]) != evaluation_id(plain.evaluations["best"])
    assert request.words() == ("preset=smoke", "fgsm.epsilon=4/255", "fgsm.first=10")
    assert request.changes == ("fgsm.epsilon=4/255", "fgsm.first=10")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("ece.bins=10", "ece.bins=10: table8 does not use ece; it takes parameters of fgsm, pgd"),
        ("fgsm.epsilonn=1", "fgsm.epsilonn=1: fgsm has no epsilonn; did you mean epsilon"),
        ("fgsm.epsilon=8", "fgsm.epsilon=8 must be in"),
    ],
)
def test_a_parameter_that_would_change_nothing_or_is_wrong_is_refused(line: str, message: str) -> None:
    with pytest.raises(UserError, match=f"^{message}"):
        wanted_cells(load("table8"), parse_request(["preset=smoke", line]))


def test_every_evaluation_of_every_experiment_can_be_composed() -> None:
    for experiment in experiments():
        for runs in wanted_cells(experiment, SMOKE).values():
            for run in runs:
                assert not run.awaits.startswith("evaluation=") or run.awaits == "evaluation=detection"


def test_the_number_of_a_cell_is_its_evaluations_and_missing_without_one(tmp_path: Path) -> None:
    table12 = load("table12")
    fill_store(tmp_path, table12, SMOKE, lambda cell, seed: 7.0)
    (run,) = wants(table12, ("ols", "kl"))
    assert table(table12, tmp_path).cells["ols", "kl"].state == "missing"
    put_evaluation(tmp_path, run, "best", kl_to_humans=0.25)
    cells = table(table12, tmp_path).cells
    assert cells["ols", "kl"].mean == 0.25
    assert cells["ols", "top1"].mean == 7.0
    assert cells["ls", "kl"].state == "missing"


def test_an_evaluation_without_the_cells_number_leaves_it_missing(tmp_path: Path) -> None:
    table12 = load("table12")
    fill_store(tmp_path, table12, SMOKE, lambda cell, seed: 7.0)
    put_evaluation(tmp_path, wants(table12, ("ols", "kl"))[0], "best", another=1.0)
    assert table(table12, tmp_path).cells["ols", "kl"].state == "missing"


def test_a_picture_is_drawn_from_the_evaluation_of_the_first_finished_run(tmp_path: Path) -> None:
    figure1 = load("figure1")
    fill_store(tmp_path, figure1, SMOKE, lambda cell, seed: 7.0)
    put_evaluation(tmp_path, wants(figure1, ("ols", "cat"))[0], "last", animal_ratio=2.0)
    wanted = wanted_cells(figure1, SMOKE)
    found = evaluated(wanted, outcomes(distinct([wanted]).values(), tmp_path), "last")
    assert list(found) == [("ols", "cat")]
    assert found["ols", "cat"].record["values"] == {"animal_ratio": 2.0}


def test_a_measurement_that_tables_share_is_wanted_once() -> None:
    cells = [wanted_cells(load(name), SMOKE) for name in ("table8", "table8", "table12")]
    found = measurements(cells)
    assert len(found) == 6 * 2 + 6
    assert len({(run.id, evaluation_id(settings)) for run, settings in found}) == len(found)


def kept(request: Request) -> dict[int, list[tuple[list[int], str, str]]]:
    """By depth: sizes, grid and keep of the runs that Table XI would train."""
    found: dict[int, list[tuple[list[int], str, str]]] = {}
    for run in with_ensembles(
        list(distinct([wanted_cells(load("table11"), request)]).values()), experiments(), request
    ):
        assert run.config is not None
        runtime, depth = run.config.runtime, run.config.backbone.depth  # type: ignore[attr-defined]
        found.setdefault(depth, []).append((runtime.ensemble_sizes, runtime.ensemble_grid, runtime.keep))
    return found


def test_a_run_that_table_3_averages_keeps_its_sums_whichever_table_trains_it() -> None:
    depths = kept(SMOKE)
    assert depths[56] == [([6, 10, 15, 20], "grid_end", "sums")] * 3
    assert depths[74] == depths[110] == [([], "grid_end", "sums")] * 3


def test_changed_runs_keep_sums_for_the_ensembles_of_the_changed_table() -> None:
    assert kept(Request("smoke", overrides=("recipe.lr=0.05",)))[56] == [([6, 10, 15, 20], "grid_end", "sums")] * 3


def test_another_reading_of_the_ensemble_is_what_the_runs_keep() -> None:
    request = parse_request(["preset=smoke", "ensemble.grid=grid_mid", "ensemble.average=logits", "ensemble.size=3"])
    runs = list(distinct([wanted_cells(load("table3"), request)]).values())
    for run in with_ensembles(runs, experiments(), request):
        assert run.config is not None
        runtime = run.config.runtime
        assert (runtime.ensemble_sizes, runtime.ensemble_grid, runtime.keep) == ([3], "grid_mid", "grid")


def test_typed_weights_are_those_that_are_measured() -> None:
    (run,) = wants(load("table12"), ("ls", "kl"), parse_request(["preset=smoke", "kl_to_humans.weights=last"]))
    assert run.evaluations["best"].weights == "last"


def test_a_value_that_is_no_yaml_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match=r"^fgsm.epsilon=\[ can't be read"):
        wanted_cells(load("table8"), parse_request(["preset=smoke", "fgsm.epsilon=["]))
