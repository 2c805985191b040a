"""The commands that look at a store or at a run, where the run is a detector's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from shape_runs import shape_run

from olsrepro.cli.main import main
from olsrepro.config.run_config import RunConfig
from olsrepro.launch.measuring import speed as timing
from olsrepro.launch.run import run
from olsrepro.store.identity import run_id

Told = Callable[..., str]
VOC = ["dataset=voc", "backbone=yolo_mobilenetv2"]


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """A finished run of one epoch."""
    folder = tmp_path_factory.mktemp("detectors")
    lines = ["recipe.epochs=1", "recipe.warmup_epochs=0", "method=ols"]
    config = shape_run(folder / "data", folder / "runs", *lines)
    run(config, console=Console(quiet=True))
    return config


@pytest.fixture
def told(detector: RunConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """What a command prints that looks at its store."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("OLSREPRO_DATA", detector.runtime.data_dir)
    monkeypatch.setenv("OLSREPRO_RUNS", detector.runtime.runs_dir)

    def tell(*words: str, code: int = 0) -> str:
        capsys.readouterr()
        assert main(list(words)) == code
        printed = capsys.readouterr()
        return printed.out if code == 0 else printed.err

    return tell


def test_show_tells_the_precision_of_a_detectors_run(told: Told, detector: RunConfig) -> None:
    out = told("show", run_id(detector))
    assert f"{run_id(detector)}: finished" in out
    assert "best (mAP " in out
    assert "top1_err" not in out
    (shown,) = json.loads(told("show", run_id(detector), "--format", "json"))
    assert set(shown["record"]["errors"]["best"]) == {"mAP", "epoch"}


def test_a_cell_of_table_x_names_the_run_that_it_waits_for(told: Told) -> None:
    assert ": missing" in told("show", "10.yolo.ols", "preset=smoke")


def test_status_counts_a_detectors_run(told: Told) -> None:
    out = told("status")
    assert any(line.split()[:4] == ["table10", "paper", "0", "3"] for line in out.splitlines())


def test_an_incomplete_table_x_tells_how_its_runs_are_trained(told: Told) -> None:
    out = told("table", "10", "--no-train", "preset=smoke")
    assert "mean average precision (%), higher is better" in out
    assert "olsrepro table 10 preset=smoke" in out


def test_table_x_is_planned_and_its_networks_are_timed_as_often_as_they_differ(
    told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "SECONDS", 0.01)
    store = [f"runtime.runs_dir={tmp_path / 'runs'}", "runtime.device=cpu"]
    before = told("plan", "10", *store)
    # Spec: 16 551 images, 120 epochs, a mean of 11.2 G multiply-adds over the ten sizes; 4952 tested at 8.66 G.
    work = 3 * 120 * (3 * 16_551 * 11.197e9 + 4952 * 8.660e9)
    assert f"5.96e+06 training images, {work:.3g} multiply-adds" in before
    assert "hours unknown (`olsrepro plan --measure` times them)" in before
    measured = told("plan", "10", "preset=smoke", "--measure", *store)
    assert "loader not included" in measured
    assert told("plan", "10", "preset=smoke", *store) == measured
    (record,) = (tmp_path / "runs" / "facts").glob("speed-*/record.json")
    assert json.loads(record.read_text())["about"]["image_size"] == 128


def test_a_dry_run_tells_preset_costs_and_the_detectors_recipe(told: Told) -> None:
    out = told("train", *VOC, "preset=paper", "--dry-run")
    assert "\npreset: paper\n" in out
    assert "  warmup_epochs: 2.0\n" in out
    assert "cost: 1,986,120 training images, 594,240 test images" in out


def test_missing_data_name_the_command_that_fetches_them(told: Told, tmp_path: Path) -> None:
    lines = [f"runtime.data_dir={tmp_path}", "runtime.device=cpu", "recipe.pretrained=false"]
    err = told("train", *VOC, "preset=paper", *lines, code=2)
    assert err.startswith(
        f"olsrepro: voc is not here: no folder {tmp_path / 'VOCdevkit'}; run `olsrepro data fetch voc`"
    )
    assert err.count("\n") == 1


def test_an_evaluation_of_classifiers_is_refused(told: Told, detector: RunConfig) -> None:
    name = run_id(detector)
    err = told("evaluate", name, "ece", code=2)
    assert err == f"olsrepro: evaluation=ece measures runs of classification, but {name} is a run of detection\n"
