"""`olsrepro plan`: hours from finished runs, else from networks that are timed when that is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from olsrepro.cli.main import main
from olsrepro.launch.measuring import speed as timing

LINES = ["8", "preset=smoke", "runtime.device=cpu"]


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of a small table, whose store is empty; timing takes no time."""
    monkeypatch.setattr(timing, "SECONDS", 0.01)
    monkeypatch.setenv("COLUMNS", "200")
    return [*LINES, f"runtime.runs_dir={tmp_path / 'runs'}"]


def test_unknown_hours_say_what_would_time_them(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *words]) == 0
    out = capsys.readouterr().out
    assert "hours unknown (`olsrepro plan --measure` times them)" in out
    assert "--measure times them" in out.splitlines()[-1]


def test_a_network_is_timed_once_with_a_line_and_the_next_plan_knows_it(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", *words, "--measure"]) == 0
    first = capsys.readouterr()
    (line,) = first.err.splitlines()
    assert line.startswith("resnet29 at 8 x 8 pixels in fp32: ")
    assert " on cpu: " in line
    assert "loader not included" in first.out
    assert "~: estimated from timed training steps, not from finished runs" in first.out
    for more in ([], ["--measure"]):
        assert main(["plan", *words, *more]) == 0
        again = capsys.readouterr()
        assert again.err == ""
        assert again.out == first.out


def test_the_plan_as_json_tells_where_steps_were_timed(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *words, "--measure", "--format", "json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    (device,) = plan["total"]["timed_on"]
    assert device.startswith("cpu: ")
    assert plan["total"]["hours"] > 0
    assert plan["total"]["untimed"] == 0


def test_a_dry_run_of_a_training_has_the_timed_speed(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["plan", *words, "--measure"])
    capsys.readouterr()
    run = ["dataset=digits@cifar10", "backbone=resnet29", "preset=smoke", *words[2:]]
    assert main(["train", *run, "--dry-run"]) == 0
    assert "loader not included" in capsys.readouterr().out.splitlines()[-1]
