"""What a plan counts: distinct runs where they are first wanted, what the store has, what the rest costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from filled_store import fill_store, finished_record, with_what_is_not_built_yet
from written_records import put_record

from olsrepro.config.compose import compose_run
from olsrepro.experiments.files import experiments, load, load_with_extras
from olsrepro.experiments.plan import Work, hours_text, make_plan, planned_runs
from olsrepro.experiments.request import Request
from olsrepro.experiments.wanted import Wanted, distinct, wanted_cells, with_teachers
from olsrepro.store.cost import Speed, estimate, measured_speeds, speeds_of
from olsrepro.store.facts import facts_id
from olsrepro.store.folder import Store
from olsrepro.store.identity import run_id
from olsrepro.store.record import FAILED

ALL = [item for item in experiments() if item.order is not None]


def test_a_run_counts_where_it_is_first_wanted(tmp_path: Path) -> None:
    plan = make_plan([load("table2"), load("table7"), load("table11"), load("table3")], Request(), tmp_path, {})
    assert [(entry.printed, entry.new) for entry in plan.entries] == [(165, 165), (165, 165), (27, 18), (3, 0)]
    assert plan.runs == 348


def test_what_waits_is_named_with_how_much_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = make_plan([with_what_is_not_built_yet(load("table2"), monkeypatch)], Request(), tmp_path, {}).entries
    assert entry.awaits == {"method=someday": 3 * 5}
    assert entry.evaluations == {"evaluation=someday": 11}
    assert entry.missing == 165
    assert entry.waits == "method=someday (15 runs), evaluation=someday (11 cells)"


def test_rows_that_the_paper_does_not_have_are_outside_of_the_count(tmp_path: Path) -> None:
    (plain,) = make_plan([load("table2")], Request(), tmp_path, {}).entries
    (with_extras,) = make_plan([load_with_extras("table2")], Request(extra=True), tmp_path, {}).entries
    assert with_extras.printed - plain.printed == 3 * 5


def test_a_run_that_teaches_counts_once_and_comes_first() -> None:
    taught = compose_run(["method=tfkd_self"])
    hard = compose_run(["method=hard"])
    wanted = [Wanted(run_id(config), 0, config) for config in (taught, hard)]
    assert [run.id for run in with_teachers(wanted)] == [run_id(hard), run_id(taught)]


def test_all_of_it_is_584_runs(tmp_path: Path) -> None:
    plan = make_plan(ALL, Request(), tmp_path, {})
    entries = {entry.name: entry for entry in plan.entries}
    assert plan.runs == 584
    assert entries["table2"].missing == 165
    assert entries["table1"].new == 0


def test_the_multiply_adds_are_those_of_section_c_6(tmp_path: Path) -> None:
    macs = {entry.name: entry.work.macs / 1e18 for entry in make_plan(ALL, Request(), tmp_path, {}).entries}
    assert macs["table11"] == pytest.approx(0.122, abs=0.0005)
    assert macs["table7"] == pytest.approx(0.976, rel=0.03)  # methods of more passes count by these
    assert macs["table8"] == pytest.approx(0.014, abs=0.0005)
    assert macs["figure7a"] + macs["figure7b"] == pytest.approx(0.036, abs=0.0005)


def test_what_the_store_has_is_not_to_be_trained(tmp_path: Path) -> None:
    table8 = load("table8")
    runs = list(distinct([wanted_cells(table8, Request())]).values())
    put_record(tmp_path / runs[0].id, finished_record(runs[0], 7.0))
    error = {"kind": "crash", "message": "boom", "traceback": None, "at": "now"}
    put_record(tmp_path / runs[1].id, {**finished_record(runs[1], 7.0), "status": FAILED, "error": error})
    entry = make_plan([table8], Request(), tmp_path, {}).entries[0]
    assert (entry.finished, entry.failed, entry.missing) == (1, 1, 4)
    assert entry.work.runs == 4


def test_hours_come_from_the_speed_of_like_runs_in_the_store(tmp_path: Path) -> None:
    table8 = load("table8")
    run = next(iter(distinct([wanted_cells(table8, Request())]).values()))
    put_record(tmp_path / run.id, finished_record(run, 7.0))
    speeds = measured_speeds(Store(tmp_path))
    work = make_plan([table8], Request(), tmp_path, speeds).entries[0].work
    assert work.untimed == 0
    assert work.hours == pytest.approx(5 * 300 * 50_000 / 5000 / 3600)


def test_hours_of_timed_steps_are_marked_and_their_device_is_told() -> None:
    run = next(iter(distinct([wanted_cells(load("table8"), Request())]).values()))
    assert run.config is not None
    speeds = {facts_id("speed", run.config): Speed(5000.0, "cpu: here", of_steps=True)}
    one = Work.of(estimate(run.config, speeds))
    assert one.columns()[0] == "~0.83"
    assert "~0.83 h (timed on cpu: here, loader not included)" in one.line()
    by_a_run = replace(one, timed_on=())
    assert (by_a_run + one).timed_on == ("cpu: here",)
    assert "timed on" not in by_a_run.line()
    assert (one + Work(runs=1, untimed=1)).columns()[0] == "> ~0.83"


def test_large_numbers_of_hours_are_told_in_full() -> None:
    assert [hours_text(hours) for hours in (0.034, 1.26, 9.99, 12.3, 4567.8)] == ["0.034", "1.3", "10", "12", "4,568"]


def test_every_run_that_a_plan_trains_can_be_timed() -> None:
    runs = planned_runs([load("table8"), load("table12"), load("table5")], Request(preset="smoke"))
    assert len(runs) == len({run.id for run in runs}) == 6


def test_cheaper_presets_cost_all_of_it_again_for_less(tmp_path: Path) -> None:
    fill_store(tmp_path, load("table8"), Request(), lambda *_: 7.0)
    plan = make_plan([load("table8")], Request(), tmp_path, {})
    assert plan.total == Work()
    assert list(plan.cheaper) == ["short", "mini", "smoke"]
    assert [work.runs for work in plan.cheaper.values()] == [6, 6, 6]
    macs = [work.macs for work in plan.cheaper.values()]
    assert macs == sorted(macs, reverse=True)


def test_an_unknown_part_of_an_amount_is_told() -> None:
    run = next(iter(distinct([wanted_cells(load("table8"), Request())]).values()))
    assert run.config is not None
    work = Work.of(estimate(run.config, speeds_of([])))
    assert "hours unknown (`olsrepro plan --measure` times them)" in work.line()
    known = Work(runs=2, hours=1.5, untimed=1)
    assert "> 1.5 h" in known.line()
