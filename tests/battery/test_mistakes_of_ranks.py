"""A mistake that one rank alone makes is told by it, and the others end with it instead of waiting."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from rank_processes import call_on
from registry import TINY

from olsrepro.cli import exit_codes
from olsrepro.distributed.rank_info import rank_info


def command(folder: Path, more: list[list[str]], stores: list[str]) -> None:
    """Run ``olsrepro train`` on this rank with its own words and its own store, and note what it printed."""
    from olsrepro.cli.main import main

    own = rank_info().rank
    os.environ["OLSREPRO_RUNS"] = stores[own]
    with open(folder / f"said{own}", "w") as said:
        sys.stderr = said
        code = main(["train", *TINY, "runtime.rank_timeout_s=5", *more[own]])
    os._exit(code)


def said(folder: Path, rank: int) -> str:
    return (folder / f"said{rank}").read_text()


@pytest.fixture
def stores(tmp_path: Path) -> list[str]:
    return [str(tmp_path / "runs")] * 2


def test_a_mistake_in_the_words_of_one_is_told_by_it_and_by_the_first(tmp_path: Path, stores: list[str]) -> None:
    codes = call_on(2, command, tmp_path, [[], ["method.alpha=2"]], stores, timeout_s=60)
    assert codes == [exit_codes.RUN_FAILED, exit_codes.USER_MISTAKE]
    assert said(tmp_path, 1) == "olsrepro: on rank 1: method.alpha=2 must be in [0, 1]\n"
    assert said(tmp_path, 0).endswith(" failed: method.alpha=2 must be in [0, 1]\n")
    assert said(tmp_path, 0).startswith("olsrepro: rank 1 on ")


@pytest.mark.slow
def test_a_mistake_in_the_words_of_both_is_told_once(tmp_path: Path, stores: list[str]) -> None:
    codes = call_on(2, command, tmp_path, [["method.alpha=2"]] * 2, stores, timeout_s=60)
    assert codes == [exit_codes.USER_MISTAKE] * 2
    assert said(tmp_path, 0) == "olsrepro: method.alpha=2 must be in [0, 1]\n"
    assert said(tmp_path, 1) == ""


@pytest.mark.slow
def test_a_teacher_that_one_does_not_see_is_told(tmp_path: Path) -> None:
    stores = [str(tmp_path / name) for name in ("ours", "theirs")]
    codes = call_on(2, command, tmp_path, [["method=tfkd_self"]] * 2, stores, timeout_s=120)
    assert codes == [exit_codes.USER_MISTAKE] * 2
    assert said(tmp_path, 0).startswith("olsrepro: on rank 1: method=tfkd_self needs a teacher, but its hard run ")
    assert said(tmp_path, 1) == ""
