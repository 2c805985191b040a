"""Tables and figures that measure after training, from the command line: made once, drawn, refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from olsrepro.cli.main import main

SMALL = ["preset=smoke", "backbone=resnet8", "backbone.width=0.25", "recipe.epochs=1", "runtime.threads=1"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs of all tests here lie."""
    return tmp_path_factory.mktemp("measured") / "runs"


def made(store: Path) -> list[Path]:
    return sorted(store.glob("*/evaluations/*/record.json"))


def test_a_table_measures_its_runs_after_training_and_a_second_command_makes_nothing(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["table", "8", *SMALL, "pgd.iterations=2", "fgsm.first=20", "pgd.first=20", f"runtime.runs_dir={store}"]
    assert main([*command, "--yes"]) == 0
    first = capsys.readouterr().out
    assert "18 of 18 complete" in first
    assert "pgd.iterations=2" in first
    records = {path: path.stat().st_mtime_ns for path in made(store)}
    assert len(records) == 12
    assert main(command) == 0
    assert capsys.readouterr().out == first
    assert {path: path.stat().st_mtime_ns for path in made(store)} == records


def test_a_table_shares_its_runs_and_measures_only_what_is_new(store: Path) -> None:
    before = len(made(store))
    assert main(["table", "12", *SMALL, f"runtime.runs_dir={store}", "--yes", "--strict"]) == 0
    assert len(made(store)) == before + 6


def test_a_figure_is_a_picture_or_its_data(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["figure", "1", *SMALL, f"runtime.runs_dir={store}", "--yes"]
    picture = tmp_path / "figure1.svg"
    assert main([*command, "--output", str(picture)]) == 0
    assert "smoke" in picture.read_text()
    assert "data: digits@cifar10" in " ".join(picture.read_text().split())
    assert capsys.readouterr().out == f"{picture}\n"
    assert main([*command, "--format", "json"]) == 0
    points = json.loads(capsys.readouterr().out)["points"]
    assert len(points) == 3 * 10
    assert sum(point["mean"] for point in points[:10]) == pytest.approx(1)


def test_several_figures_are_files_with_their_names(store: Path, tmp_path: Path) -> None:
    command = ["figure", "1", "7a", *SMALL, f"runtime.runs_dir={store}", "--no-train"]
    assert main([*command, "--output", str(tmp_path / "all.png")]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all_figure1.png", "all_figure7a.png"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["table", "12", "--output", "table.png"], "a table can't be a picture"),
        (["figure", "1", "--output", "here.png"], "already exists; name another file, or add --overwrite"),
        (["table", "7", "fgsm.epsilon=4/255"], "table7 does not use fgsm; it uses no evaluation"),
        (["table", "12", "dataset=digits"], "dataset=digits has no human labels"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_trained(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.png").touch()
    assert main([*words, *SMALL, f"runtime.runs_dir={tmp_path / 'runs'}", "--yes"]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_finished_run_without_the_sums_is_named_with_what_trains_it_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["dataset=digits@cifar100", "method=hard", *SMALL, f"runtime.runs_dir={tmp_path / 'runs'}"]
    assert main(["train", *lines]) == 0
    (run,) = (path.name for path in (tmp_path / "runs").glob("*-s0"))
    assert main(["table", "3", *SMALL, f"runtime.runs_dir={tmp_path / 'runs'}", "--yes"]) == 1
    captured = capsys.readouterr()
    assert f"{run}: ensemble.size=6: {run} kept no sums of test probabilities" in captured.err
    assert "--fresh" in captured.err
    assert "11 of 15 complete" in captured.out
