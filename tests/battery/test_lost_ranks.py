"""A rank that dies ends the others; the run goes on bitwise on as many ranks, and rightly on another number."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from outcome import differences, outcome
from processes import id_of
from rank_processes import Kill, train_on
from registry import SETTINGS, STEPS_PER_EPOCH, TINY

OLS = [*TINY, *SETTINGS["ols"]]  # periods of 7 steps, so that an epoch of 12 ends inside one
FROZEN = [*OLS, "recipe.batch_norm=frozen", "recipe.lr=0.02"]
INSIDE_AN_EPOCH = STEPS_PER_EPOCH + 7


def folder_of(lines: list[str], store: Path) -> Path:
    return store / id_of(lines)


def record_of(lines: list[str], store: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder_of(lines, store) / "record.json").read_text())
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    store = tmp_path_factory.mktemp("whole")
    assert train_on(2, [OLS], store) == [0, 0]
    return outcome(store, id_of(OLS))


@pytest.mark.parametrize("kill", [(1, "step", INSIDE_AN_EPOCH), (0, "saved", 4)], ids=["the second", "the first"])
def test_a_rank_that_dies_ends_the_other_and_the_run_goes_on_bitwise(
    kill: Kill, tmp_path: Path, whole: dict[str, Any]
) -> None:
    codes = train_on(2, [OLS], tmp_path, kill)
    assert codes[kill[0]] == -signal.SIGKILL
    assert codes[1 - kill[0]] == 1  # it has ended, by an exception that says so
    assert not (folder_of(OLS, tmp_path) / "record.json").exists()
    assert train_on(2, [OLS], tmp_path) == [0, 0]
    assert differences(whole, outcome(tmp_path, id_of(OLS))) == []


def test_another_number_of_ranks_goes_on_from_the_end_of_an_epoch_with_nothing_lost(tmp_path: Path) -> None:
    assert train_on(1, [FROZEN], tmp_path / "one") == [0]
    assert train_on(2, [FROZEN], tmp_path / "more", (1, "step", INSIDE_AN_EPOCH)) != [0, 0]
    assert train_on(1, [FROZEN], tmp_path / "more", (0, "step", STEPS_PER_EPOCH + 2)) == [-signal.SIGKILL]
    assert train_on(2, [FROZEN], tmp_path / "more") == [0, 0]
    ours, theirs = (
        torch.load(folder_of(FROZEN, tmp_path / name) / "last.pt", weights_only=True) for name in ("one", "more")
    )
    torch.testing.assert_close(theirs["weights"], ours["weights"], rtol=1e-3, atol=2e-5)
    record = record_of(FROZEN, tmp_path / "more")
    assert [entry["ranks"] for entry in record["history"]] == [2, 1, 2]
    assert record["bitwise"] is False


def test_two_ranks_do_what_one_does_in_two_parts(tmp_path: Path, whole: dict[str, Any]) -> None:
    lines = [*OLS, "runtime.accumulate=2"]
    assert train_on(1, [lines], tmp_path) == [0]
    one = torch.load(folder_of(lines, tmp_path) / "last.pt", weights_only=True)["weights"]
    two = whole["last.pt"]["weights"]
    learnt = [key for key in one if "running" not in key and "num_batches" not in key]  # these move twice a step
    torch.testing.assert_close({k: one[k] for k in learnt}, {k: two[k] for k in learnt}, rtol=1e-3, atol=1e-4)
