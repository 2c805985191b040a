"""Folders and files that a command is given: told where they are missing, or are what they should not be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import command_line
import pytest
from written_records import finished_run, measurement, put_record

from olsrepro.cli import exit_codes
from olsrepro.cli.main import main
from olsrepro.config.compose import compose_run
from olsrepro.config.run_config import RunConfig
from olsrepro.files.lease import Lease
from olsrepro.launchers import fill
from olsrepro.settings import UserError
from olsrepro.store.facts import facts_folder, facts_id
from olsrepro.store.folder import Store
from olsrepro.store.identity import run_id

RUN = "3f9c2a17b04d5e61-s0"


@pytest.mark.parametrize(
    "command",
    [
        ["train", "--dry-run"],
        ["train"],
        ["status"],
        ["plan", "2"],
        ["table", "2", "--no-train"],
        ["show", RUN],
        ["evaluate", RUN, "ece"],
    ],
    ids=" ".join,
)
def test_a_file_in_the_place_of_the_runs_is_told(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("OLSREPRO_RUNS", str(tmp_path / "file"))
    assert main(command) == exit_codes.USER_MISTAKE
    told = capsys.readouterr()
    command_line.assert_one_line(told.err)
    assert f"runtime.runs_dir={tmp_path / 'file'} is a file" in told.err
    assert "OLSREPRO_RUNS" in told.err


@pytest.mark.parametrize(
    "command",
    [["status"], ["plan", "7a"], ["table", "8", "--no-train"], ["show", RUN], ["evaluate", RUN, "ece"]],
    ids=" ".join,
)
def test_a_folder_of_runs_that_is_missing_is_told_by_what_only_reads_it(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OLSREPRO_RUNS", str(tmp_path / "mistyped"))
    main(command)
    err = capsys.readouterr().err
    assert str(tmp_path / "mistyped") in err
    assert "OLSREPRO_RUNS names the folder" in err
    assert not (tmp_path / "mistyped").exists()


def test_output_says_what_it_wrote_and_makes_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = tmp_path / "table8.md"
    assert main(["table", "8", "--no-train", "--output", str(written)]) == exit_codes.DONE
    assert capsys.readouterr().out == f"{written}\n"
    assert written.is_file()
    for command, name in (("table", "8.md"), ("figure", "7a.csv"), ("figure", "7a.png")):
        path = tmp_path / "none" / name
        assert main([command, path.stem, "--no-train", "--output", str(path)]) == exit_codes.USER_MISTAKE
        told = capsys.readouterr()
        command_line.assert_one_line(told.err)
        assert f"there is no folder {path.parent}; make it" in told.err
    assert not (tmp_path / "none").exists()


def test_a_run_that_another_process_writes_is_left_to_it_or_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path / "runs")
    with Lease(store.run_folder(run_id(compose_run([]))), store.locks, lambda _: None):
        assert main(["train"]) == exit_codes.HELD
    err = capsys.readouterr().err
    assert "being written by pid" in err
    assert "the same command finds the run finished or resumes it" in err
    assert "runtime.wait_for_held=true" in err
    assert "stop it" not in err


MISSING = ["dataset=cifar100", "backbone=resnet20"]


def test_a_dry_run_lists_what_train_would_refuse(capsys: pytest.CaptureFixture[str]) -> None:
    odd = [*MISSING, "runtime.accumulate=7", "method.teacher=3f9c2a17b04d5e61-s0", "method=tfkd_self"]
    assert main(["train", *odd, "--dry-run"]) == exit_codes.DONE
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("train would refuse it: ")]
    for part in ("olsrepro data fetch cifar100", "is not divisible by", "method.teacher=3f9c2a17b04d5e61-s0"):
        assert any(part in line for line in told), told
    assert main(["train", "runtime.device=cuda:77", "--dry-run"]) == exit_codes.DONE
    assert "train would refuse it: runtime.device=cuda:77" in capsys.readouterr().out
    assert main(["train", "--dry-run"]) == exit_codes.DONE
    assert "refuse" not in capsys.readouterr().out


WITHOUT_TORCH = """
import sys
from pathlib import Path
from olsrepro.cli import exit_codes
from olsrepro.cli.main import main
from olsrepro.files.lease import Lease
from olsrepro.launchers import fill
from olsrepro.settings import UserError
from olsrepro.store.facts import facts_folder, facts_id
assert main(["train", "dataset=cifar100", "backbone=resnet20"]) == exit_codes.USER_MISTAKE
assert main(["train", "seed=1"]) == exit_codes.DONE
with Lease(Path("runs", sys.argv[1]), Path("runs", ".locks")):
    assert main(["train", "seed=2"]) == exit_codes.HELD
assert main(["table", "7", "--yes"]) == exit_codes.USER_MISTAKE
assert "torch" not in sys.modules
"""


def test_missing_data_finished_runs_and_held_ones_are_told_before_torch_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLSREPRO_RUNS", "runs")
    finished, held = (run_id(compose_run([f"seed={seed}"])) for seed in (1, 2))
    record = put_record(tmp_path / "runs" / finished, finished_run(finished))
    command = [sys.executable, "-c", WITHOUT_TORCH, held]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    missing, writing, *table = done.stderr.splitlines()
    assert "run `olsrepro data fetch cifar100`" in missing
    assert "being written by pid" in writing
    assert "run `olsrepro data fetch cifar100`" in table[-1]
    assert done.stdout.splitlines() == [
        f"{finished} is finished already; --fresh would train it again",
        f"record: {record}",
    ]


def test_a_table_of_facts_shows_the_data_sets_that_are_here_and_names_those_that_are_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["table", "5", "--yes"]) == exit_codes.USER_MISTAKE
    assert "run `olsrepro data fetch " in capsys.readouterr().err
    measured: list[str] = []

    def measure(kind: str, config: RunConfig) -> None:
        if config.dataset.name != "cub":
            raise UserError(f"{config.dataset.name} is not here")
        measured.append(config.dataset.name)
        name = facts_id(kind, config)
        facts = {"categories": 200.0, "train_images": 5994.0, "test_images": 5794.0}
        put_record(facts_folder(tmp_path / "runs", name), measurement(name, **facts))

    monkeypatch.setattr(fill, "_measure", measure)
    assert main(["table", "5", "--yes"]) == exit_codes.RUN_FAILED
    told = capsys.readouterr()
    assert measured == ["cub"]
    assert "[1/4] measuring dataset cub" in told.err
    assert "flowers is not here" in told.err
    assert "5994" in told.out.replace(",", "")
