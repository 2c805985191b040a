"""A run whose lease another process has taken: it stops, and leaves the folder to the other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from registry import TINY

from olsrepro.config.compose import compose_run
from olsrepro.files.lease import FILE_NAME, Held
from olsrepro.launch.run import run
from olsrepro.training.trainer import Trainer


def test_a_run_that_was_taken_over_since_its_last_beat_writes_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = Trainer.checkpoint

    def taken_over_before(trainer: Trainer) -> None:
        path = trainer.checkpoints.folder / FILE_NAME
        path.write_text(json.dumps(json.loads(path.read_text()) | {"token": "another"}))
        checkpoint(trainer)

    monkeypatch.setattr(Trainer, "checkpoint", taken_over_before)
    with pytest.raises(Held, match="was taken over by another process"):
        run(compose_run([*TINY, "runtime.tensorboard=false", f"runtime.runs_dir={tmp_path}"]))
    (folder,) = tmp_path.glob("*-s0")
    assert not list(folder.glob("checkpoint*"))
    assert json.loads((folder / FILE_NAME).read_text())["token"] == "another"
