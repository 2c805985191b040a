"""CONTRIBUTING.md is true: its paths are there, its table is that of the settings, its worked example works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from contributing import ROOT, Edit, commands, edits, paths, section

from olsrepro.methods.settings import MethodSettings

EXAMPLE = section("A label method")
NAME = "consistency"
DEFAULTS = "tests/golden/defaults.json"
FOLDERS = ("olsrepro", "configs", "tests", "scripts")
FILES = ("pyproject.toml", "README.md", "CONTRIBUTING.md")
GENERATED = {"__pycache__", ".hypothesis", ".defaults.json.lock"}
FREEZING = "tests/store/test_identity.py"
SHARED_TESTS = (
    FREEZING,
    "tests/config/test_config_files.py",
    "tests/config/test_method_file.py",
    "tests/methods/test_method_cards.py",
    "tests/methods/test_method_settings.py",
    "tests/cli/test_explain_command.py",
    "tests/launch/test_measured_facts.py",
    "tests/battery/test_resume.py",
)
PYTEST = ("pytest", "-q", "-p", "no:cacheprovider", "-k", NAME)
TOLD_ELSEWHERE = {"name", "teacher_run", "switches", "shortest"}
"""Of the settings: told in another row of the table, or the base's to do."""
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven")


def files(root: Path) -> dict[str, bytes]:
    """Contents by path, of all but what Python and the tests leave there."""
    found = (path for path in root.rglob("*") if path.is_file() and not GENERATED & set(path.parts))
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def changed(now: dict[str, bytes], before: dict[str, bytes]) -> list[str]:
    """Paths of files that are new or have other contents."""
    return [path for path, content in now.items() if before.get(path) != content]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository."""
    root = tmp_path_factory.mktemp("repository")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, root / name)
    for name in FILES:
        shutil.copy2(ROOT / name, root / name)
    return root


@pytest.fixture(scope="module")
def before(copied: Path) -> dict[str, bytes]:
    """Its files before anything is edited."""
    return files(copied)


@pytest.fixture(scope="module")
def repository(copied: Path, before: dict[str, bytes]) -> Path:
    """The copy with the worked example in it."""
    for edit in edits(EXAMPLE):
        edit.make(copied)
    return copied


def run(root: Path, *words: str, ci: str = "", timeout: int = 250) -> subprocess.CompletedProcess[str]:
    """Run a module of Python in a copy of the repository; with ``ci`` as in CI."""
    environment = os.environ | {"PYTHONPATH": str(root), "CI": ci}
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=timeout)


def defaults(root: Path) -> dict[str, Any]:
    """The frozen defaults."""
    values: dict[str, Any] = json.loads((root / DEFAULTS).read_text())
    return values


@pytest.mark.parametrize("path", paths())
def test_a_path_in_the_text_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_table_of_settings_has_all_that_a_method_can_declare() -> None:
    table = set(re.findall(r"^\| `(\w+)[^`]*` \|", EXAMPLE, re.M))
    declared = {name for name in vars(MethodSettings) if not name.startswith("_")}
    assert table == declared - TOLD_ELSEWHERE | {"identity"}


def test_a_block_becomes_the_file_of_its_caption_or_joins_a_dictionary(tmp_path: Path) -> None:
    whole, empty = "**`a/b.py`**\n\n```python\nx = 1\n```\n", "\n**`a/c.py`** is empty.\n"
    line = "\n**`d.py`**, in `D`\n\n```python\n    1: 2,\n```\n"
    asked = edits(whole + empty + line)
    assert asked == [Edit("a/b.py", "x = 1\n"), Edit("a/c.py", ""), Edit("d.py", "    1: 2,\n", "D")]
    (tmp_path / "d.py").write_text("C = {\n}\nD: dict = {\n    0: 1,\n}\nE = {\n}\n")
    for edit in asked:
        edit.make(tmp_path)
    assert (tmp_path / "a/b.py").read_text() == "x = 1\n"
    assert (tmp_path / "d.py").read_text() == "C = {\n}\nD: dict = {\n    0: 1,\n    1: 2,\n}\nE = {\n}\n"


def test_a_method_is_as_many_files_and_lines_as_the_text_says(repository: Path, before: dict[str, bytes]) -> None:
    now = files(repository)
    new = [path for path in changed(now, before) if path not in before]
    edited = [path for path in changed(now, before) if path in before]
    lines = sum(len(now[path].splitlines()) - len(before[path].splitlines()) for path in edited)
    assert edited == ["tests/registry.py"]
    claim = f"{NUMBERS[len(new)]} new files and {NUMBERS[lines]} line: nothing else is edited by hand"
    assert claim in EXAMPLE.lower()


def test_its_code_is_in_the_style_of_the_house(repository: Path) -> None:
    pytest.importorskip("ruff")
    for check in (["check"], ["format", "--check"]):
        done = run(repository, "ruff", *check, "--no-cache", f"olsrepro/methods/{NAME}", "tests/registry.py")
        assert done.returncode == 0, done.stdout


def test_the_commands_of_the_text_explain_and_train_it(repository: Path) -> None:
    explain, train, _ = commands(EXAMPLE)
    explained, trained = (run(repository, *words) for words in (explain, train))
    assert explained.stdout.startswith(f"{NAME}: Consistency between two views\n"), explained.stderr
    record = json.loads(Path(trained.stdout.splitlines()[-1].removeprefix("record: ")).read_text())
    assert record["status"] == "finished"
    assert record["config"]["method"] == {"name": NAME, "lam": 10.0}


def test_the_shared_tests_miss_its_frozen_defaults_in_ci_and_elsewhere_add_them_and_pass(repository: Path) -> None:
    known = defaults(repository)
    refused = run(repository, *PYTEST, FREEZING, ci="1")
    assert f"{DEFAULTS} lacks method {NAME}: version=1, lam=1.0;" in refused.stdout
    by_hand = files(repository)
    added = run(repository, *PYTEST, *SHARED_TESTS)
    assert added.returncode == 0, added.stdout
    assert f"which is to be committed: method {NAME}: version=1, lam=1.0" in added.stdout
    assert changed(files(repository), by_hand) == [DEFAULTS]
    assert defaults(repository) == known | {f"method {NAME}": {"version": 1, "lam": 1.0}}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_shared_tests_pass(repository: Path) -> None:
    *_, (_, script, *words) = commands(EXAMPLE)
    assert (script, words) == ("scripts/test.sh", ["-k", NAME])
    run(repository, *PYTEST, FREEZING)
    done = run(repository, *PYTEST, ci="1", timeout=1800)
    assert done.returncode == 0, done.stdout
