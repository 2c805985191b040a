"""The environment is input too: a launcher's variables, the terminal's encoding, a full disk behind standard output."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import command_line
import pytest

from olsrepro.cli import exit_codes
from olsrepro.cli.main import main

TORCHRUN = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"}
TORCHRUN |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    ("variables", "parts"),
    [
        ({"RANK": ""}, ["RANK= ", "unset RANK", "torchrun"]),
        (TORCHRUN | {"RANK": "one"}, ["RANK=one", "whole number"]),
        (TORCHRUN | {"WORLD_SIZE": "-2"}, ["WORLD_SIZE=-2", "whole number"]),
        (TORCHRUN | {"RANK": "9" * 5000}, ["RANK=999", "whole number"]),
        ({"WORLD_SIZE": "2"}, ["WORLD_SIZE=2", "LOCAL_WORLD_SIZE", "unset WORLD_SIZE", "torchrun"]),
        ({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}, ["WORLD_SIZE=2", "without LOCAL_WORLD_SIZE"]),
        ({"RANK": "1"}, ["RANK=1", "unset RANK"]),
        ({"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}, ["RANK=1", "MASTER_ADDR"]),
        (TORCHRUN | {"RANK": "2"}, ["RANK=2", "not below WORLD_SIZE=2"]),
        (TORCHRUN | {"LOCAL_RANK": "3"}, ["LOCAL_RANK=3", "not below LOCAL_WORLD_SIZE=2"]),
    ],
    ids=lambda value: " ".join(f"{key}={text:.5}" for key, text in value.items()) if isinstance(value, dict) else None,
)
@pytest.mark.parametrize("command", [["methods"], ["--help"]], ids=" ".join)
def test_a_variable_that_torchrun_would_not_set_so_is_named_with_its_value(
    command: list[str],
    variables: dict[str, str],
    parts: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(command) == exit_codes.USER_MISTAKE
    told = capsys.readouterr()
    assert told.out == ""
    command_line.assert_one_line(told.err)
    assert len(told.err) < 300
    assert all(part in told.err for part in parts), told.err


def test_what_a_launcher_of_one_process_sets_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert main(["methods"]) == exit_codes.DONE
    assert "ols" in capsys.readouterr().out


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize(
    "command", [["methods"], ["explain", "ols", "--no-measure"], ["table", "2", "--no-train"]], ids=" ".join
)
def test_a_terminal_that_lacks_letters_shows_them_escaped(
    command: list[str], encoding: str, errors: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding=encoding, errors=errors))
    monkeypatch.setenv("OLSREPRO_RUNS", str(tmp_path))
    assert main(command) == exit_codes.DONE
    assert "ols" in shown.getvalue().decode(encoding).lower()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_standard_output_that_is_full_is_told_in_one_line() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "olsrepro", "methods"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=os.environ)
    assert done.returncode == exit_codes.USER_MISTAKE
    command_line.assert_one_line(done.stderr)
    assert "standard output" in done.stderr


@pytest.mark.parametrize(
    ("command", "key"),
    [(["methods"], "name"), (["experiments"], "name"), (["data", "list"], "data_set"), (["status"], "experiments")],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_a_listing_is_json_for_a_program(
    command: list[str], key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OLSREPRO_RUNS", str(tmp_path))
    assert main([*command, "--format", "json"]) == exit_codes.DONE
    read = json.loads(capsys.readouterr().out)
    assert all(key in item for item in (read if isinstance(read, list) else [read]))
    assert main([*command, "--format", "jsno"]) == exit_codes.USER_MISTAKE
    assert "json" in capsys.readouterr().err


def test_a_listing_cuts_no_cell_in_a_narrow_terminal_and_folds_none_off_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["experiments"]) == exit_codes.DONE
    wide = capsys.readouterr().out
    assert "Top-1 error on CIFAR-100 of eleven label methods on five networks" in wide
    monkeypatch.setenv("COLUMNS", "24")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main(["experiments"]) == exit_codes.DONE
    narrow = capsys.readouterr().out
    assert "…" not in narrow
    words = [line.split()[0] for line in wide.splitlines()[2:]]
    assert all(any(line.startswith(word) for line in narrow.splitlines()) for word in words)


@pytest.mark.parametrize("command", [["table", "2", "--no-train"], ["explain", "ols", "--no-measure"]], ids=" ".join)
def test_tables_and_cards_are_folded_for_a_terminal_alone(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert main(command) == exit_codes.DONE
    endless = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "30")
    assert main(command) == exit_codes.DONE
    narrow = capsys.readouterr().out
    assert len(endless.splitlines()) < len(narrow.splitlines())
    assert "…" not in endless + narrow
    numbers = re.compile(r"\d+\.\d+")
    assert sorted(numbers.findall(endless)) == sorted(numbers.findall(narrow))


def test_a_table_in_a_file_is_folded_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert main(["table", "2", "--no-train", "--output", str(tmp_path / "table.txt")]) == exit_codes.DONE
    fits = (tmp_path / "table.txt").read_text()
    monkeypatch.setenv("COLUMNS", "10000")
    assert main(["table", "2", "--no-train"]) == exit_codes.DONE
    assert capsys.readouterr().out.endswith(fits)
