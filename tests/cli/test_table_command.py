"""`olsrepro table`, `figure` and `sweep`: what is printed, what is trained, what is refused."""

from __future__ import annotations

import csv
import json
import os
import pty
from pathlib import Path

import pytest
from command_line import assert_one_line
from table_store import TABLE2, fill_table2

from olsrepro.cli import filling
from olsrepro.cli.main import main
from olsrepro.experiments.request import Request
from olsrepro.experiments.wanted import wanted_cells
from olsrepro.launch.measuring import speed

GOLDEN = Path(__file__).parent.parent / "golden" / "tables"
TINY = ["dataset=digits", "backbone=resnet8", "backbone.width=0.25", "recipe.epochs=1", "recipe.batch_size=512"]
TINY += ["runtime.device=cpu", "runtime.threads=1", "runtime.tensorboard=false"]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


@pytest.mark.parametrize(("format", "suffix"), [("terminal", "txt"), ("markdown", "md"), ("latex", "tex")])
def test_table_2_from_records_is_this_text(
    format: str, suffix: str, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill_table2(runs)
    assert main(["table", "2", "--no-train", "--format", format]) == 0
    assert capsys.readouterr().out == (GOLDEN / f"table2.{suffix}").read_text()


def test_csv_has_a_line_for_each_cell_with_its_provenance(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill_table2(runs)
    main(["table", "2", "--no-train", "--format", "csv"])
    lines = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert len(lines) == 55
    own = next(line for line in lines if (line["row"], line["column"]) == ("ols", "resnet34"))
    assert (own["preset"], own["select"], own["n"]) == ("paper", "best", "3")


def test_json_has_every_comparison_of_every_claim(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill_table2(runs)
    main(["table", "2", "--no-train", "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    claims = {verdict["claim"]: verdict for verdict in found["verdicts"]}
    assert len(claims["C2.1"]["comparisons"]) == 5
    assert claims["C2.1"]["verdict"] == "holds"


def test_tables_that_share_runs_train_them_once_and_a_second_command_trains_nothing(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["figure", "7a", *TINY, "--yes"]
    assert main(command) == 0
    first = capsys.readouterr()
    assert "to train: 10 runs" in first.err
    folders = {folder.name: (folder / "record.json").stat().st_mtime_ns for folder in runs.glob("*-s0")}
    assert len(folders) == 10
    assert main(command) == 0
    second = capsys.readouterr()
    assert second.err == ""
    assert second.out == first.out
    assert {folder.name: (folder / "record.json").stat().st_mtime_ns for folder in runs.glob("*-s0")} == folders


def test_half_the_weight_is_the_run_that_the_sweep_and_a_plain_training_share(runs: Path) -> None:
    assert main(["sweep", "method=ols", *TINY, "seed=0,1", "--yes"]) == 0
    trained = {folder.name for folder in runs.glob("*-s*")}
    assert main(["train", "method=ols", *TINY, "preset=smoke", "seed=1"]) == 0
    assert {folder.name for folder in runs.glob("*-s*")} == trained


def test_a_typed_sweep_ends_in_a_table_over_its_axes(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [*TINY, "method=hard,ls", "recipe.lr=0.1,0.2", "--yes"]
    assert main(["sweep", *lines]) == 0
    out = capsys.readouterr().out
    assert "recipe.lr=0.1" in out
    assert "method=ls" in out
    assert "4 of 4 complete" in out


def test_the_papers_sweep_over_alpha_gives_plot_data_on_the_digits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "alpha", *TINY, "--yes", "--format", "csv"]) == 0
    lines = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [float(line["x"]) for line in lines] == pytest.approx([0.1 * n for n in range(1, 11)])
    assert all(float(line["mean"]) > 0 for line in lines)


def test_curves_come_as_a_line_for_each_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    tiny = [line for line in TINY if not line.startswith("recipe.epochs")]
    assert main(["figure", "5", *tiny, "recipe.epochs=2", "--yes", "--format", "csv"]) == 0
    lines = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert {line["row"] for line in lines} == {"hard", "ls", "ols"}
    assert [line["x"] for line in lines if line["row"] == "ols"] == ["1", "2"]


def test_a_failed_run_leaves_the_rest_of_the_table_and_exits_with_1(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    diverging = [*TINY, "recipe.weight_decay=0,1e30", "--yes"]
    assert main(["sweep", *diverging, "method=hard"]) == 1
    out = capsys.readouterr().out
    assert "failed (not finite)" in out
    assert "2 of 4 complete, 2 missing" in out


def test_a_run_that_diverged_is_not_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    diverging = ["sweep", *TINY, "recipe.weight_decay=0,1e30", "--yes", "method=hard"]
    main(diverging)
    capsys.readouterr()
    assert main(diverging) == 0
    assert capsys.readouterr().err == ""


def test_facts_of_methods_are_measured_without_a_training(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "1", "--no-train"]) == 0
    assert "class-level" not in capsys.readouterr().out.split("C1.1")[0].split("OLS (Ours)")[0]
    assert main(["table", "1", "backbone=resnet8", "--yes"]) == 0
    assert "agrees" in capsys.readouterr().out


def test_strict_exits_with_3_on_an_incomplete_table(runs: Path) -> None:
    (runs / fill_table2(runs)[7].id / "record.json").unlink()
    assert main(["table", "2", "--no-train"]) == 0
    assert main(["table", "2", "--no-train", "--strict"]) == 3


@pytest.mark.parametrize(("better", "code"), [("ls", 4), ("hard", 0)])
def test_strict_exits_with_4_where_a_claim_of_a_complete_table_fails(better: str, code: int, runs: Path) -> None:
    from filled_store import fill_store

    from olsrepro.experiments.files import load

    errors = {"hard": 30.0, "ls": 25.0, "ols": 27.0} if better == "ls" else {"hard": 30.0, "ls": 29.0, "ols": 27.0}
    demo = load("demo")
    for run in fill_store(runs, demo, Request(), lambda cell, seed: errors[cell[0]] + 0.1 * seed):
        row = {"epoch": 300, "train_err": 1.0, "n_flipped": 10, "hit_flipped_wrong": 5}
        (runs / run.id / "curves.jsonl").write_text(json.dumps(row) + "\n")
    assert main(["table", "demo", "--no-train", "--strict"]) == code


def test_output_goes_to_a_file_whose_suffix_names_the_format_and_never_over_another(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill_table2(runs)
    (tmp_path / "out").mkdir()
    command = ["table", "2", "--no-train", "--output", str(tmp_path / "out" / "table2.md")]
    assert main(command) == 0
    assert (tmp_path / "out" / "table2.md").read_text() == (GOLDEN / "table2.md").read_text()
    assert main(command) == 2
    assert "already exists; name another file, or add --overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0


def test_a_user_at_a_terminal_is_told_the_price_and_asked_before_anything_is_trained(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(speed, "SECONDS", 0.01)
    mine, theirs = pty.openpty()
    os.write(mine, b"n\n")
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        assert main(["figure", "7a", *TINY]) == 0
    os.close(mine)
    said = capsys.readouterr().err
    assert said.startswith("timing a few steps of each network whose speed is not known in this store\nresnet")
    assert "unknown" not in said
    assert "continue? [y/N] nothing was trained" in said
    assert not list(runs.glob("*-s*"))


def test_a_missing_data_set_is_told_before_the_first_run(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "11", "preset=short", "--yes"]) == 2
    assert "olsrepro data fetch cifar100" in capsys.readouterr().err
    assert not list(runs.glob("*-s*"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["table"], "name an experiment, such as 2 or demo, or all"),
        (["table", "13"], "13 is not a table, figure or sweep"),
        (["table", "tabel2"], "tabel2 is not a table, figure or sweep; did you mean table2"),
        (["figure", "2"], "Figure 2 is a drawing"),
        (["figure", "6"], "Figure 6 is a drawing"),
        (["table", "2", "--format", "latx"], "--format latx is not known; did you mean latex"),
        (["table", "2", "preset=papr"], "preset=papr is not known; did you mean paper"),
        (["table", "2", "recipe.epoch=3"], "table2: recipe.epoch=3: recipe has no epoch; did you mean epochs"),
        (["table", "2", "method=ols"], "method=ols: the rows of table2 differ in method"),
        (["sweep", "alfa"], "alfa is not a sweep; did you mean alpha"),
        (["show", "2.olz.resnet34"], "table2 has no row olz; did you mean ols"),
        (["show", "4.r50_reported.top1"], ""),
        (["plan", "all", "--format", "jsn"], "--format jsn is not known; did you mean json"),
        (["show", "0000000000000000-s0"], "is neither a cell (TABLE.ROW.COLUMN) nor a run in"),
    ],
)
def test_a_mistake_is_one_line_with_what_is_right(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert_one_line(captured.err)
    assert told in captured.err
    assert captured.out == ""


def test_all_is_every_table_and_none_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["table", "all", "--no-train", "--format", "json"]) == 0
    names = [table["experiment"] for table in json.loads(capsys.readouterr().out)]
    assert sorted(names) == sorted([*(f"table{n}" for n in range(1, 13)), "ols_single"])


def test_plan_all_counts_584_runs_as_text_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "all", "preset=paper"]) == 0
    assert "preset paper: 584 distinct runs" in capsys.readouterr().out
    assert main(["plan", "all", "seeds=3", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == 666


def test_show_names_the_records_behind_a_cell(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill_table2(runs)
    assert main(["show", "2.ols.resnet34"]) == 0
    out = capsys.readouterr().out
    for run in wanted_cells(TABLE2, Request("paper"))["ols", "resnet34"]:
        assert f"{run.id}: finished" in out
    assert "commit 0123456789abcdef" in out


def test_show_takes_a_run_id(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = fill_table2(runs)[0]
    assert main(["show", run.id, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["record"]["run_id"] == run.id


def test_status_counts_what_the_store_holds(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = fill_table2(runs)[0]
    path = runs / run.id / "record.json"
    path.write_text(path.read_text()[:50])
    assert main(["status"]) == 0
    out = capsys.readouterr().out
    assert "164 finished, 0 failed, 0 being written, 1 unreadable" in out
    assert "finished by preset: paper 164" in out
    assert str(path) in out


def test_an_answer_of_yes_needs_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert filling._agreed()
