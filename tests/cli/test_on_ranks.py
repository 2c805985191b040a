"""What a command says where `torchrun` has started it several times: each thing once, and what only one rank knows."""

from __future__ import annotations

import sys

import command_line
import pytest

from olsrepro.cli import exit_codes
from olsrepro.cli.filling import _agreed
from olsrepro.cli.main import main
from olsrepro.distributed import ranks
from olsrepro.launch.errors import RankFailed, RunFailed
from olsrepro.launchers import dependencies

DIGITS = ["train", "runtime.device=cpu"]


def stands(monkeypatch: pytest.MonkeyPatch, rank: int, local_rank: int) -> None:
    """As if this were one of four ranks, two on each of two machines."""
    told = {"RANK": rank, "WORLD_SIZE": 4, "LOCAL_RANK": local_rank, "LOCAL_WORLD_SIZE": 2}
    for name, value in (told | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": 1}).items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(ranks, "failed_on_all", lambda line: True)


@pytest.mark.parametrize(("rank", "local_rank", "lines"), [(0, 0, 1), (1, 1, 0), (2, 0, 1), (3, 1, 0)])
def test_a_mistake_is_told_once_on_each_machine(
    rank: int, local_rank: int, lines: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is missing on the second machine alone is told there, or nowhere."""
    stands(monkeypatch, rank, local_rank)
    assert main(["train", "dataset=cifra10"]) == exit_codes.USER_MISTAKE
    told = capsys.readouterr().err
    assert told.count("\n") == lines
    if lines:
        command_line.assert_one_line(told)


def test_a_mistake_of_one_rank_alone_is_told_by_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stands(monkeypatch, 3, 1)
    monkeypatch.setattr(ranks, "failed_on_all", lambda line: False)
    assert main(["train", "dataset=cifra10"]) == exit_codes.USER_MISTAKE
    assert capsys.readouterr().err.startswith("olsrepro: on rank 3: dataset=cifra10 is not known")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RankFailed("failed on rank 3: no memory"), "olsrepro: failed on rank 3: no memory\n"),
        (RunFailed("the loss is not finite"), ""),
    ],
)
def test_a_failure_is_told_by_the_rank_that_has_it_alone_or_by_the_first(
    error: Exception, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    stands(monkeypatch, 3, 1)
    monkeypatch.setattr(dependencies, "run", fail)
    assert main(DIGITS) == exit_codes.RUN_FAILED
    assert capsys.readouterr().err == told


def test_nobody_is_asked_by_each_of_several_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    stands(monkeypatch, 0, 0)
    assert _agreed()
