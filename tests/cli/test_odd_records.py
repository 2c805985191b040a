"""Commands over a store whose records hold, under right digests, what no run writes: each ends as ever, none raises."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import command_line
import pytest
from filled_store import fill_store
from written_records import (
    evaluation,
    failed_run,
    finished_run,
    measurement,
    places,
    put_as_it_is,
    put_record,
    replaced,
    without,
)

from olsrepro.cli import exit_codes
from olsrepro.cli.main import main
from olsrepro.config.compose import compose_run
from olsrepro.experiments.files import load
from olsrepro.experiments.request import Request
from olsrepro.experiments.wanted import Wanted, wanted_cells
from olsrepro.store.evaluations import evaluation_folder, evaluation_id
from olsrepro.store.facts import facts_id

PAPER = Request("paper")
DEEP: Any = [[[[[[[[[[[[1]]]]]]]]]]]]
ODD = (None, True, -1, 10**400, 1e99, float("nan"), "", "x", "\ud800", "a\nb", "${x}", [], [1], {}, {"x": []}, DEEP)


def odd_versions(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The record with each of its parts missing, then with each replaced by something odd, for ever another."""
    everywhere = places(record)
    yield from (without(record, place) for place in everywhere)
    odd = cycle(ODD)
    while True:
        yield from (replaced(record, place, next(odd)) for place in everywhere)


def runs_of(name: str) -> list[Wanted]:
    found = {run.id: run for runs in wanted_cells(load(name), PAPER).values() for run in runs if run.config is not None}
    return list(found.values())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Table II's runs, every third one failed, all of them odd; Figure 7a's and Table VIII's with odd evaluations."""
    root = tmp_path_factory.mktemp("odd") / "runs"
    for number, run in enumerate(runs_of("table2")):
        record = failed_run(run.id, run.config) if number % 3 == 2 else finished_run(run.id, run.config)
        versions = odd_versions(record)
        for _ in range(number):
            next(versions)
        put_as_it_is(root / run.id, next(versions))
    for name in ("table8", "figure1", "figure3"):
        fill_store(root, load(name), PAPER, lambda *_: 7.0)
        _odd_evaluations(root, runs_of(name))
    for kind, config in (("dataset", "dataset=cifar10"), ("speed", "backbone=resnet20")):
        about = facts_id(kind, compose_run([config]))
        put_as_it_is(root / "facts" / about, measurement(about, images_per_s=5.0) | {"facts": {"images_per_s": "fast"}})
    return root


def _odd_evaluations(root: Path, runs: list[Wanted]) -> None:
    odd = cycle(ODD)
    for run in runs:
        for settings in run.evaluations.values():
            detail = {"class_names": ["a", "b"], "row": [0.25, 0.75], "target": 1}
            record = evaluation(evaluation_id(settings), run.id, detail=detail)
            for place in places(record)[:: len(run.id) % 3 + 1]:
                record = replaced(record, place, next(odd))
                break
            put_as_it_is(evaluation_folder(root / run.id, settings), record)


@pytest.fixture(autouse=True)
def _in_the_store(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLSREPRO_RUNS", str(store))
    monkeypatch.setenv("OLSREPRO_DATA", str(tmp_path / "data"))


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "plan 2",
        "table 2 --no-train",
        "table 2 --no-train --format json",
        "table 5 --no-train",
        "table 8 --no-train",
        "figure 1 --no-train --format csv",
        "figure 3 --no-train --format csv",
        "figure 7a --no-train",
        "show 2.ols.resnet34",
        "show 2.ols.resnet34 --format json",
    ],
)
def test_odd_records_are_passed_over(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command.split()) == exit_codes.DONE
    assert capsys.readouterr().out


def test_the_status_counts_them_as_unreadable_and_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == exit_codes.DONE
    out = capsys.readouterr().out
    assert "unreadable: and " in out
    assert ".json is damaged: " in out
    assert " is missing; move it away" in out


@pytest.mark.parametrize("words", [("show",), ("evaluate", "ece"), ("boxes", "--output", "x.png")], ids=" ".join)
def test_each_of_them_is_told_in_one_line(
    words: tuple[str, ...], store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *rest = words
    for run in runs_of("table2")[::6]:
        code = main([command, run.id, *rest])
        shown = capsys.readouterr()
        assert code == (exit_codes.DONE if command == "show" else exit_codes.USER_MISTAKE)
        if command != "show":
            command_line.assert_one_line(shown.err)


def test_a_cell_says_which_damaged_file_keeps_it_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = fill_store(tmp_path, load("figure4"), PAPER, lambda *_: 7.0)
    for run in runs:
        (tmp_path / run.id / "curves.jsonl").write_text('{"epoch": 1, "train_err": []}\n')
    assert main(["figure", "4", "--no-train", f"runtime.runs_dir={tmp_path}"]) == exit_codes.DONE
    assert "curves.jsonl is damaged: line 1: train_err must be a number" in capsys.readouterr().out


def test_one_damaged_evaluation_is_named_beside_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_record(tmp_path / "0123456789abcdef-s0", finished_run("0123456789abcdef-s0"))
    put_as_it_is(tmp_path / "0123456789abcdef-s0" / "evaluations" / "ece-0", evaluation("ece-0", values=[]))
    put_as_it_is(tmp_path / "0123456789abcdef-s0" / "evaluations" / "pgd-0", evaluation("pgd-0"))
    assert main(["show", "0123456789abcdef-s0", f"runtime.runs_dir={tmp_path}"]) == exit_codes.DONE
    out = capsys.readouterr().out
    assert "unreadable" in out
    assert "ece-0/record.json is damaged: values must be a mapping; move its folder away" in out
    assert "pgd" in out


def test_a_store_whose_path_is_no_text_is_told_with_an_escape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLSREPRO_RUNS", f"{tmp_path}/\udcff")
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8:strict")
    Path(f"{tmp_path}/\udcff").mkdir()
    done = command_line.start("status", cwd=tmp_path)
    assert (done.code, done.err) == (exit_codes.DONE, "")
    assert done.out.startswith(f"{tmp_path}/\\udcff: 0 finished")
