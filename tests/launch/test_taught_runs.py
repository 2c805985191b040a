"""A run with a teacher trains it first, once, and learns from its best weights."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
import torch
from registry import TINY
from rich.console import Console
from torch import nn

from olsrepro.config.compose import compose_run
from olsrepro.config.run_config import RunConfig
from olsrepro.launch.teacher import load_teacher
from olsrepro.launchers.dependencies import run_with_dependencies as run
from olsrepro.launchers.many import run_many
from olsrepro.models.registry import build_backbone
from olsrepro.settings import UserError
from olsrepro.store.identity import run_id
from olsrepro.training import checkpoint

FAST = [*(line for line in TINY if "epochs" not in line), "recipe.epochs=1", "runtime.tensorboard=false"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store where a taught run was asked for."""
    folder = tmp_path_factory.mktemp("taught") / "runs"
    run(composed(folder, "tfkd_self"), console=Console(quiet=True))
    return folder


def composed(runs: Path, method: str, *lines: str) -> RunConfig:
    return compose_run([*FAST, f"method={method}", f"runtime.runs_dir={runs}", *lines])


def test_the_hard_run_is_trained_first_and_its_id_is_in_the_record(runs: Path) -> None:
    hard, taught = run_id(composed(runs, "hard")), run_id(composed(runs, "tfkd_self"))
    records = {path.parent.name: json.loads(path.read_text()) for path in runs.glob("*/record.json")}
    assert records.keys() == {hard, taught}
    assert records[taught]["canonical"]["method"]["teacher"] == hard
    assert records[hard]["finished"] <= records[taught]["finished"]


def test_the_checkpoint_holds_the_teachers_name_at_most_and_none_of_its_weights(runs: Path) -> None:
    state = checkpoint.load(runs / run_id(composed(runs, "tfkd_self")) / "checkpoint.pt")
    assert not [key for key, value in state["ranks"][0]["method"].items() if isinstance(value, torch.Tensor)]


def test_a_teacher_that_is_there_is_not_trained_again(runs: Path) -> None:
    record = runs / run_id(composed(runs, "hard")) / "record.json"
    written = record.stat().st_mtime_ns
    told = StringIO()
    run(composed(runs, "tfkd_self", "method.T=4"), console=Console(file=told))
    assert record.stat().st_mtime_ns == written
    assert "hard" not in told.getvalue()


def test_the_teacher_is_the_best_weights_in_evaluation_mode_without_gradients(runs: Path) -> None:
    config = composed(runs, "tfkd_self")
    teacher = load_teacher(config, torch.device("cpu"))
    assert teacher is not None
    assert not any(module.training for module in teacher.modules())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    best = checkpoint.load(runs / run_id(composed(runs, "hard")) / "best.pt")["weights"]
    assert all(torch.equal(value, best[key]) for key, value in teacher.state_dict().items())
    assert load_teacher(composed(runs, "hard"), torch.device("cpu")) is None


def test_drawing_a_teacher_moves_no_generator(runs: Path) -> None:
    before = torch.get_rng_state()
    load_teacher(composed(runs, "tfkd_self"), torch.device("cpu"))
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_that_are_not_those_of_the_record_are_refused(tmp_path: Path) -> None:
    config = composed(tmp_path / "runs", "tfkd_self")
    run(composed(tmp_path / "runs", "hard"), console=Console(quiet=True))
    best = tmp_path / "runs" / run_id(composed(tmp_path / "runs", "hard")) / "best.pt"
    other: nn.Module = build_backbone(config.backbone, config.dataset.num_classes)
    checkpoint.save(best, {"epoch": 1, "weights": other.state_dict(), "test": {}})
    with pytest.raises(
        UserError, match=r"best\.pt is gone or is not the file that its record names; train .* again with --fresh"
    ):
        load_teacher(config, torch.device("cpu"))


def test_a_bad_teacher_stops_a_sweep_before_its_first_run(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    good, bad = composed(runs, "ls"), composed(runs, "tfkd_self", "method.teacher=0123456789abcdef-s0")
    with pytest.raises(UserError, match=r"^method.teacher=0123456789abcdef-s0: there is no finished run"):
        run_many([good, bad], Console(quiet=True))
    assert not list(runs.glob("*/record.json"))
