"""The file of frozen defaults: it only grows, outside of CI alone, whoever else adds to it at the same time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from frozen_defaults import NotFrozenError, freeze, lacking, read, told

FROZEN = {"method ls": {"version": 1, "eps": 0.1}}
OUTSIDE_CI: dict[str, str] = {}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "defaults.json"
    path.write_text(json.dumps(FROZEN))
    return path


def test_a_component_that_the_file_lacks_is_added() -> None:
    assert lacking(FROZEN, {"method new": {"version": 1, "lam": 2.0}}) == {"method new": {"version": 1, "lam": 2.0}}


def test_what_is_added_stands_behind_what_was_there(file: Path) -> None:
    freeze(file, {"method new": {"version": 1, "lam": 2.0}}, OUTSIDE_CI)
    assert list(read(file).items()) == [*FROZEN.items(), ("method new", {"version": 1, "lam": 2.0})]


def test_a_new_switch_joins_those_of_its_component(file: Path) -> None:
    freeze(file, {"method ls": {"version": 1, "eps": 0.1, "spread": "all"}}, OUTSIDE_CI)
    assert read(file) == {"method ls": {"version": 1, "eps": 0.1, "spread": "all"}}


def test_a_default_that_is_frozen_is_never_changed(file: Path) -> None:
    freeze(file, {"method ls": {"version": 2, "eps": 0.3, "spread": "all"}}, OUTSIDE_CI)
    assert read(file) == {"method ls": {"version": 1, "eps": 0.1, "spread": "all"}}


def test_what_is_gone_stays_frozen(file: Path) -> None:
    freeze(file, {"method new": {"version": 1}}, OUTSIDE_CI)
    assert read(file)["method ls"] == FROZEN["method ls"]


def test_an_empty_variable_is_not_ci(file: Path) -> None:
    freeze(file, {"method new": {"version": 1}}, {"CI": ""})
    assert "method new" in read(file)


def test_in_ci_nothing_is_added(file: Path) -> None:
    with pytest.raises(NotFrozenError, match="nothing is added in CI"):
        freeze(file, {"method new": {"version": 1}}, {"CI": "1"})
    assert read(file) == FROZEN


def test_a_read_only_file_is_left_as_it_is(file: Path) -> None:
    file.chmod(0o444)
    with pytest.raises(NotFrozenError, match="is read-only"):
        freeze(file, {"method new": {"version": 1}}, OUTSIDE_CI)
    assert read(file) == FROZEN


def test_several_processes_add_to_one_file(file: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from frozen_defaults import freeze\n"
        "for number in range(9): freeze(Path(sys.argv[1]), {f'{sys.argv[2]} {number}': {'version': 1}}, {})"
    )
    folder = Path(__file__).parent
    workers = [
        subprocess.Popen([sys.executable, "-c", program, str(file), name], cwd=folder) for name in ("first", "second")
    ]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
    added = {f"{name} {number}" for name in ("first", "second") for number in range(9)}
    assert read(file).keys() == FROZEN.keys() | added


def test_defaults_are_told_on_one_line() -> None:
    assert told({"method ls": {"version": 1, "spread": "all"}, "noise": {"rate": 0.0}}) == (
        "method ls: version=1, spread='all'; noise: rate=0.0"
    )
