"""With BatchNorm frozen, a run on two or three ranks ends where it ends on one, whatever the label method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from processes import id_of
from rank_processes import train_on
from registry import METHODS, SETTINGS, TINY

pytestmark = pytest.mark.timeout(900)  # the first test waits for all runs

REPLACED = ("recipe.batch_size", "runtime.checkpoint_steps")
FROZEN = [
    *(line for line in TINY if line.partition("=")[0] not in REPLACED),
    "recipe.batch_norm=frozen",
    "recipe.batch_size=360",  # divides by 1, 2, 3 and in pairs; the last batch of 357 doesn't by 2
    "recipe.lr=0.1",
    "recipe.milestones=[1,2]",
    "runtime.tensorboard=false",
]
OF_ITS_RANK = {"ols_single by the same batch": "a partner is one of the images of its rank"}
COARSE = {"ols with periods of an epoch in bf16": "rounding of bf16 is as large as what is learnt"}
COMPARED = [name for name in SETTINGS if name not in OF_ITS_RANK | COARSE]
CASES = [(name, 2) for name in COMPARED] + [(name, 3) for name in COMPARED if name in METHODS]


def lines_of(setting: str) -> list[str]:
    own = [line.replace("method.update_period=7", "method.update_period=3") for line in SETTINGS[setting]]
    return [*FROZEN, *own]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """By number of ranks: where all methods were trained by so many; starting the processes is what takes the time."""
    found = {}
    for ranks in (1, 2, 3):
        found[ranks] = tmp_path_factory.mktemp(f"ranks{ranks}")
        compared = [setting for setting in COMPARED if ranks == 1 or (setting, ranks) in CASES]
        assert train_on(ranks, [lines_of(setting) for setting in compared], found[ranks]) == [0] * ranks
    return found


def left_by(setting: str, store: Path) -> dict[str, Any]:
    folder = store / id_of(lines_of(setting))
    return {name: torch.load(folder / name, weights_only=True) for name in ("last.pt", "checkpoint.pt")}


@pytest.mark.parametrize(("setting", "ranks"), CASES)
def test_many_ranks_end_where_one_ends(setting: str, ranks: int, stores: dict[int, Path]) -> None:
    one, many = left_by(setting, stores[1]), left_by(setting, stores[ranks])
    torch.testing.assert_close(many["last.pt"]["weights"], one["last.pt"]["weights"], rtol=1e-3, atol=2e-5)
    (ours,) = one["checkpoint.pt"]["progress"]["rows"][-1:]
    (theirs,) = many["checkpoint.pt"]["progress"]["rows"][-1:]
    assert theirs["images"] == ours["images"] >= 1400  # a clean set is aside
    assert theirs["n_test"] == ours["n_test"] == 360
    assert theirs["n_flipped"] == ours["n_flipped"]
    assert theirs["train_loss"] == pytest.approx(ours["train_loss"], rel=1e-4)


@pytest.mark.parametrize("ranks", [2, 3])
def test_every_rank_is_in_the_checkpoint_and_the_record_says_how_many(ranks: int, stores: dict[int, Path]) -> None:
    state = left_by("ols", stores[ranks])["checkpoint.pt"]
    assert len(state["ranks"]) == ranks
    assert [entry["ranks"] for entry in state["history"]] == [ranks]
