"""`olsrepro boxes`: a picture of what a detector's run has found, and one line for every mistake."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from quick_composer import composed
from registry import TINY
from rich.console import Console
from shape_runs import TEST, shape_run

from olsrepro.cli.main import main
from olsrepro.config.run_config import RunConfig
from olsrepro.launch.finished.boxes import found_boxes
from olsrepro.launch.run import run
from olsrepro.store.identity import run_id

CLASSIFIER = [*(line for line in TINY if "epochs" not in line), "recipe.epochs=1", "runtime.tensorboard=false"]


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    """A finished run, whose store holds a classifier's too."""
    folder = tmp_path_factory.mktemp("boxes")
    config = shape_run(folder / "data", folder / "runs", "recipe.epochs=1", "recipe.warmup_epochs=0")
    for one in (config, composed(*CLASSIFIER, f"runtime.runs_dir={folder / 'runs'}")):
        run(one, console=Console(quiet=True))
    return config


def places(config: RunConfig) -> list[str]:
    return [f"runtime.data_dir={config.runtime.data_dir}", f"runtime.runs_dir={config.runtime.runs_dir}"]


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_picture_is_drawn_and_its_place_printed(
    suffix: str, detector: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"found{suffix}"
    command = ["boxes", run_id(detector), *places(detector), "--output", str(path), "--images", "2"]
    assert main(command) == 0
    assert capsys.readouterr().out == f"{path}\n"
    if suffix == ".png":
        with Image.open(path) as image:
            assert min(image.size) > 100
    else:
        words = " ".join(path.read_text().split())
        assert "shapes@voc, yolo_mobilenetv2, hard, seed 0; preset custom; best test epoch (1)" in words


def test_a_picture_that_is_there_is_replaced_when_that_is_said(detector: RunConfig, tmp_path: Path) -> None:
    path = tmp_path / "found.png"
    path.write_text("an older one")
    command = ["boxes", run_id(detector), *places(detector), "--output", str(path), "--images", "1"]
    assert main(command) == 2
    assert path.read_text() == "an older one"
    assert main([*command, "--overwrite"]) == 0
    assert path.read_bytes().startswith(b"\x89PNG")


def test_what_is_drawn_is_what_the_best_epochs_test_kept(detector: RunConfig) -> None:
    seen = found_boxes(detector, 3, 0.0)
    assert (len(seen.images), len(seen.objects), len(seen.found)) == (3, 3, 3)
    assert sum(map(len, seen.found)) > 3
    least = float(seen.found[0].scores.median())
    fewer = found_boxes(detector, 3, least)
    for one, other in zip(seen.found, fewer.found, strict=True):
        assert len(other) == (one.scores > least).sum()
        assert (other.scores > least).all()
    for image, one in zip(seen.images, seen.found, strict=True):
        height, width, _ = image.shape
        assert (one.boxes[:, :2] >= 0).all()
        assert (one.boxes[:, 2] <= width).all()
        assert (one.boxes[:, 3] <= height).all()
    assert len(found_boxes(detector, 1000, 0.5).images) == TEST


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["CLASSIFIER"], "CLASSIFIER classifies images of dataset=digits; it has no boxes"),
        (["0000000000000000-s0"], "there is no run 0000000000000000-s0 in "),
        (["DETECTOR", "--output", "there.png"], "--output there.png already exists; name another file"),
        (
            ["DETECTOR", "--output", "b.jpg"],
            "b.jpg must end with a picture's suffix; did you mean .png or .pdf or .svg?",
        ),
        (["DETECTOR", "--score", "2"], "--score=2 must be in [0, 1]"),
        (["DETECTOR", "--score", "nan"], "--score=nan must be in [0, 1]"),
        (["DETECTOR", "--images", "0"], "--images=0 must be at least 1"),
        (
            ["DETECTOR", "method=ols"],
            "method=ols: a finished run's config can't be changed; only runtime.KEY=VALUE can",
        ),
    ],
)
def test_a_mistake_is_one_line(
    words: list[str],
    message: str,
    detector: RunConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.png").write_text("an older one")
    classifier = run_id(composed(*CLASSIFIER))
    names = {"DETECTOR": run_id(detector), "CLASSIFIER": classifier}
    given = [names.get(word, word) for word in words]
    output = [] if "--output" in words else ["--output", "new.png"]
    assert main(["boxes", *given, *output, *places(detector)]) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"olsrepro: {message.replace('CLASSIFIER', classifier)}")
    assert told.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ""] == ["there.png"]


def test_boxes_that_are_gone_and_data_that_are_gone_are_told_in_one_line(
    detector: RunConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs, name = tmp_path / "runs", run_id(detector)
    shutil.copytree(Path(detector.runtime.runs_dir) / name, runs / name)
    command = ["boxes", name, "--output", str(tmp_path / "new.png"), f"runtime.runs_dir={runs}"]
    data = f"runtime.data_dir={detector.runtime.data_dir}"
    (runs / name / "best_detections.safetensors").unlink()
    assert main([*command, data]) == 2
    gone = runs / name / "best_detections.safetensors"
    expected = f"olsrepro: {gone} is gone or is not the file that its record names; --fresh trains the run again\n"
    assert capsys.readouterr().err == expected
    record = json.loads((runs / name / "record.json").read_text())
    assert record["status"] == "finished"
    assert not (tmp_path / "new.png").exists()
