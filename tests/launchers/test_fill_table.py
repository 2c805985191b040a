"""A table by a call from Python: the same as the command's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from table_store import fill_table2

from olsrepro.cli.main import main
from olsrepro.config.run_config import RunConfig
from olsrepro.experiments.render import render
from olsrepro.launch.errors import Interrupted
from olsrepro.launchers import fill_table
from olsrepro.launchers.base import Launched
from olsrepro.settings import UserError

TINY = ["preset=smoke", "backbone.width=0.25", "recipe.epochs=1", "recipe.batch_size=512", "runtime.device=cpu"]
TINY += ["runtime.threads=1", "runtime.tensorboard=false"]


class Stopped:
    """A launcher that is stopped by a signal before it has trained anything."""

    def train(self, configs: Sequence[RunConfig]) -> Launched:
        return Launched(interrupted="stopped in epoch 3")


def test_a_call_trains_and_gives_what_the_command_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs, told = tmp_path / "runs of a call (1)", list[str]()
    table = fill_table("demo", TINY, runs_dir=runs, say=told.append)
    assert table.is_complete
    assert len(list(runs.glob("*-s0/record.json"))) == 3
    assert told[0].startswith("to train: 3 runs, ")
    ends = [line for line in told if "] finished: " in line]
    assert [line.partition(" ")[0] for line in ends] == ["[1/3]", "[2/3]", "[3/3]"]
    assert "; 2 more will take about " in ends[0]
    assert capsys.readouterr() == ("", "")
    assert main(["table", "demo", *TINY, f'runtime.runs_dir="{runs}"', "--yes", "--format", "json"]) == 0
    assert capsys.readouterr() == (render([table], "json"), "")


def test_a_second_call_trains_nothing(tmp_path: Path) -> None:
    told: list[str] = []
    fill_table2(tmp_path / "runs")
    assert fill_table("II", runs_dir=tmp_path / "runs", launcher=Stopped(), say=told.append).is_complete
    assert told == []


def test_foot_notes_name_the_command_that_trains_what_failed(tmp_path: Path) -> None:
    table = fill_table("demo", [*TINY, "recipe.weight_decay=1e30"], runs_dir=tmp_path)
    assert not table.is_complete
    assert any("failed (not finite)" in note for note in table.footnotes)
    command = f"olsrepro table demo {' '.join(TINY)} recipe.weight_decay=1e30"
    assert any(f"{command} runtime.runs_dir={tmp_path}" in note for note in table.footnotes)


def test_a_stop_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match="stopped in epoch 3"):
        fill_table("demo", TINY, runs_dir=tmp_path, launcher=Stopped())


def test_a_mistake_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="recipe has no epoch; did you mean epochs"):
        fill_table("demo", ["recipe.epoch=3"], runs_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_extra_rows_come_where_they_are_asked_for(tmp_path: Path) -> None:
    fill_table2(tmp_path)
    with pytest.raises(Interrupted):
        fill_table("2", ["extra=true"], runs_dir=tmp_path, launcher=Stopped())
