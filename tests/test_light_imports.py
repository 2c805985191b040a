"""What plans, composes, lists or explains loads no torch; what only explains loads no Hydra and no Rich either."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from table_store import fill_table2

import olsrepro
from olsrepro.cli.main import COMMANDS

HEAVY = ("torch", "torchvision", "timm", "sklearn", "scipy", "numpy", "tensorboard")
COMMAND = """
from olsrepro.cli.main import main
try:
    code = main({arguments!r})
except SystemExit as stop:
    code = stop.code
assert code == {code}, code
"""


def loaded_by(program: str, cwd: Path) -> set[str]:
    """Top-level modules in a fresh interpreter after a program."""
    tail = "\nimport json, sys; print('\\n' + json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    command = [sys.executable, "-c", program + tail]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True, timeout=120)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["trian"], 2),
        (["data", "fetch", "--help"], 0),
        *(([command, "--help"], 0) for command in COMMANDS),
    ],
    ids=str,
)
def test_explaining_loads_neither_torch_nor_hydra_nor_rich(arguments: list[str], code: int, tmp_path: Path) -> None:
    loaded = loaded_by(COMMAND.format(arguments=arguments, code=code), tmp_path)
    assert not loaded & {*HEAVY, "hydra", "omegaconf", "rich", "yaml", "filelock"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["train", "--dry-run", "method=sce", "recipe.epochs=5"], 0),
        (["train", "backbone.depth=21"], 2),
        (["data", "list"], 0),
        (["data", "verify", "cifar100"], 2),
        (["data", "fetch", "digits"], 0),
        (["experiments"], 0),
        (["methods"], 0),
        (["explain", "ols", "--no-measure"], 0),
        (["plan", "all"], 0),
        (["status"], 0),
        (["table", "2", "recipe.epoch=3"], 2),
    ],
    ids=str,
)
def test_planning_and_listing_load_no_torch(arguments: list[str], code: int, tmp_path: Path) -> None:
    assert not loaded_by(COMMAND.format(arguments=arguments, code=code), tmp_path) & set(HEAVY)


def test_composing_the_runs_of_our_experiments_loads_no_hydra(tmp_path: Path) -> None:
    assert "hydra" not in loaded_by(COMMAND.format(arguments=["status"], code=0), tmp_path)


@pytest.mark.parametrize("arguments", [["table", "all", "--no-train"], ["figure", "all", "--no-train"]], ids=str)
def test_tables_load_scipys_special_functions_alone(arguments: list[str], tmp_path: Path) -> None:
    program = COMMAND.format(arguments=arguments, code=0) + "\nimport sys; assert 'scipy.stats' not in sys.modules"
    assert not loaded_by(program, tmp_path) & ({*HEAVY, "sklearn"} - {"scipy", "numpy"})


@pytest.mark.parametrize(
    "program",
    [
        COMMAND.format(arguments=["table", "2"], code=0),
        "from olsrepro.launchers import fill_table\nassert fill_table('2').is_complete",
    ],
    ids=["command", "call"],
)
def test_a_complete_table_loads_no_torch_though_it_may_train(program: str, tmp_path: Path) -> None:
    fill_table2(tmp_path / "runs")
    assert "torch" not in loaded_by(program, tmp_path)


def settings_modules() -> list[str]:
    found = pkgutil.walk_packages(olsrepro.__path__, "olsrepro.")
    return sorted(item.name for item in found if item.name.endswith((".settings", ".registry", ".switches")))


LIGHT = [
    "olsrepro",
    "olsrepro.losses",
    "olsrepro.losses.switches",
    "olsrepro.settings",
    "olsrepro.data.download.manifest",
    "olsrepro.config.compose",
    "olsrepro.config.to_yaml",
    "olsrepro.store.identity",
    "olsrepro.store.cost",
    "olsrepro.store.record",
    "olsrepro.store.folder",
    "olsrepro.cli.main",
    *(f"olsrepro.cli.{name}" for name in COMMANDS),
    "olsrepro.experiments.aggregate",
    "olsrepro.experiments.filled",
    "olsrepro.experiments.missing",
    "olsrepro.experiments.plan",
    "olsrepro.experiments.standing",
    "olsrepro.experiments.sweep",
    "olsrepro.experiments.render",
    "olsrepro.store.facts",
    "olsrepro.launchers",
    "olsrepro.launchers.fill",
    "olsrepro.launchers.in_process",
]


def test_what_planning_imports_loads_no_torch(tmp_path: Path) -> None:
    """All in one process: the first module that loads torch is named by the assertion."""
    modules = [*LIGHT, *(name for name in settings_modules() if name != "olsrepro.losses.registry")]
    program = (
        f"import sys; from importlib import import_module\nfor name in {modules!r}:\n"
        "    import_module(name)\n    assert 'torch' not in sys.modules, name"
    )
    assert len(modules) > 20
    assert "torch" not in loaded_by(program, tmp_path)


def test_the_criteria_load_torch_and_neither_hydra_nor_what_the_trainer_needs(tmp_path: Path) -> None:
    loaded = loaded_by("from olsrepro.losses import OnlineLabelSmoothing; OnlineLabelSmoothing(3)", tmp_path)
    assert "torch" in loaded
    assert not loaded & {"hydra", "omegaconf", "rich", "timm", "torchvision", "tensorboard", "sklearn", "filelock"}
