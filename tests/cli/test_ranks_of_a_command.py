"""A command on one of several ranks: which of them speaks, and which may leave first."""

from __future__ import annotations

import time
from pathlib import Path

import command_line
import pytest
from rank_processes import _free_port

from olsrepro.cli import exit_codes, filling
from olsrepro.cli.main import COMMANDS, OVER_RANKS, main
from olsrepro.distributed import ranks
from olsrepro.distributed.ranks import join
from olsrepro.experiments.files import find
from olsrepro.experiments.filled import want
from olsrepro.experiments.request import parse_request
from olsrepro.launch.errors import RankFailed
from olsrepro.launchers.base import Launched
from olsrepro.launchers.in_process import InProcess
from olsrepro.settings import UserError


def as_rank(monkeypatch: pytest.MonkeyPatch, rank: int) -> None:
    """As if ``torchrun`` had started this process as one of two."""
    told = {"RANK": rank, "WORLD_SIZE": 2, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1"}
    for name, value in (told | {"MASTER_PORT": 1}).items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(ranks, "failed_on_all", lambda line: True)


@pytest.mark.parametrize("rank", [0, 1])
def test_the_first_rank_tells_a_mistake_and_leaves_before_the_others(
    rank: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    as_rank(monkeypatch, rank)
    assert main(["train", "method=ole"]) == exit_codes.USER_MISTAKE
    told = capsys.readouterr().err
    if rank == 0:
        command_line.assert_one_line(told)
        assert slept == []
    else:
        assert told == ""
        assert slept
        assert slept[0] > 0.5  # torchrun looks every tenth of a second


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - set(OVER_RANKS)))
def test_what_is_for_one_process_is_refused_with_what_is_for_many(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    as_rank(monkeypatch, 0)
    words = {"data": ["list"], "show": ["a"], "explain": ["ols"], "boxes": ["a", "--output", "a.png"]}
    assert main([command, *words.get(command, [])]) == exit_codes.USER_MISTAKE
    told = capsys.readouterr().err
    command_line.assert_one_line(told)
    assert "start it without" in told
    assert all(name in told for name in OVER_RANKS)


def test_the_first_rank_alone_tells_of_failed_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else ``torchrun`` would end it while it measures and prints."""
    request = parse_request(["preset=smoke", f"runtime.runs_dir={tmp_path}"])
    filled = want([find("demo", "table")], request)
    monkeypatch.setattr(InProcess, "train", lambda self, configs: Launched(failed=("a run failed",)))
    as_rank(monkeypatch, 1)
    with pytest.raises(SystemExit) as left:
        filling._fill(filled, ask=False)
    assert left.value.code == exit_codes.DONE
    as_rank(monkeypatch, 0)
    assert filling._fill(filled, ask=False) == exit_codes.RUN_FAILED


def test_a_rank_that_failed_by_itself_tells_it_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(self: InProcess, configs: object) -> Launched:
        raise RankFailed("failed on rank 1: no memory")

    monkeypatch.setattr(InProcess, "train", fail)
    as_rank(monkeypatch, 1)
    assert main(["table", "demo", "preset=smoke", f"runtime.runs_dir={tmp_path}"]) == exit_codes.RUN_FAILED
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "olsrepro: failed on rank 1: no memory\n")


def test_a_rank_that_nobody_joins_is_told_how_long_it_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    as_rank(monkeypatch, 1)
    monkeypatch.setenv("MASTER_PORT", str(_free_port()))
    with pytest.raises(UserError, match=r"2 ranks did not meet within runtime\.rank_timeout_s=1 seconds"):
        join(cuda=False, timeout_s=1)
