"""torch.compile changes how a network is executed, not what is saved of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from registry import TINY
from rich.console import Console

from olsrepro.config.compose import compose_run
from olsrepro.launchers.dependencies import run_with_dependencies as run
from olsrepro.models.registry import build_backbone

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile on the CPU needs g++"),
    pytest.mark.filterwarnings("default"),  # torch's compiler warns of its own deprecations
]


def test_a_compiled_runs_weights_load_into_a_bare_network_and_its_errors_are_those_of_an_eager_run(
    tmp_path: Path,
) -> None:
    # One step: from the second on, what the other order of a sum rounds away grows.
    one_step = ["recipe.epochs=1", "recipe.batch_size=1437"]
    lines = [*(line for line in TINY if not line.startswith("recipe.")), *one_step, "method=ols"]
    records, weights = {}, {}
    for compiled in ("false", "true"):
        config = compose_run([*lines, f"runtime.compile={compiled}", f"runtime.runs_dir={tmp_path / compiled}"])
        records[compiled] = json.loads(run(config, console=Console(quiet=True)).read_text())
        folder = tmp_path / compiled / records[compiled]["run_id"]
        weights[compiled] = torch.load(folder / "last.pt", weights_only=True)["weights"]
    build_backbone(config.backbone, config.dataset.num_classes).load_state_dict(weights["true"], strict=True)
    assert records["true"]["run_id"] == records["false"]["run_id"]
    for name, eager in weights["false"].items():
        torch.testing.assert_close(weights["true"][name], eager, rtol=1e-4, atol=1e-5)
