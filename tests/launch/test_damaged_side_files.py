"""A run whose files were damaged between two commands is finished all the same; by the command itself."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from outcome import differences, outcome

from olsrepro.cli import exit_codes
from olsrepro.cli.main import main
from olsrepro.launch import watchers
from olsrepro.store.record import read_record
from olsrepro.training.artifacts import Artifacts
from olsrepro.training.progress import Row

LINES = ["dataset=digits", "backbone=resnet8", "backbone.width=0.25", "recipe.epochs=3", "recipe.batch_size=512"]
LINES += ["recipe.lr=3", "recipe.milestones=[]", "method=ols", "runtime.device=cpu", "runtime.threads=1"]
LINES += ["runtime.tensorboard=false"]


# The best epoch is the first with seed 0, the second with seed 1.
def stopped(seed: int, epoch: int, runs: Path) -> Path:
    """The folder of a run that was stopped after an epoch; after the last of all, before its record was written."""
    real = watchers.Lines.on_epoch

    def stop(self: watchers.Lines, row: Row) -> None:
        real(self, row)
        if row["epoch"] == epoch:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(watchers.Lines, "on_epoch", stop)
        code = main(["train", *LINES, f"seed={seed}", f"runtime.runs_dir={runs}"])
    assert code == (exit_codes.INTERRUPTED if epoch < 3 else exit_codes.DONE)
    (folder,) = runs.glob("*-s*")
    (folder / "record.json").unlink(missing_ok=True)
    return folder


class Stores(dict[tuple[int, int], Path]):
    """Folders of runs by seed and the epoch that they were stopped after, made when they are asked for."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def __missing__(self, key: tuple[int, int]) -> Path:
        self[key] = stopped(*key, self._root / f"{key[0]}-{key[1]}")
        return self[key]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    return Stores(tmp_path_factory.mktemp("stopped"))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


def replace_by_a_list(path: Path) -> None:
    torch.save([1, 2], path)


def replace_by_a_stranger(path: Path) -> None:
    torch.save({"weights": torch.zeros(2)}, path)


def write_no_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")


def resumed(folder: Path, runs: Path, name: str, damage: Callable[[Path], None]) -> dict[str, Any]:
    """The record of the run that is finished in a copy of its store after a file was damaged."""
    shutil.copytree(folder.parent, runs)
    damage(runs / folder.name / name)
    seed = folder.name.rpartition("-s")[2]
    assert main(["train", *LINES, f"seed={seed}", f"runtime.runs_dir={runs}"]) == exit_codes.DONE
    record = read_record(runs / folder.name)
    assert record is not None
    return record


@pytest.mark.parametrize(("epoch", "damage"), [(2, empty), (2, Path.unlink), (2, replace_by_a_stranger), (3, tear)])
def test_weights_of_an_earlier_epoch_are_left_out_of_the_record_with_a_word(
    epoch: int,
    damage: Callable[[Path], None],
    stores: Stores,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = resumed(stores[0, epoch], tmp_path / "runs", "best.pt", damage)
    assert record["errors"]["best"]["epoch"] == 1
    assert [name for name in record["files"] if "best" in name] == []
    assert {"last.pt", "last_logits.safetensors"} <= record["files"].keys()
    assert "the weights of the best epoch, 1, are lost; best.pt is missing or damaged" in capsys.readouterr().out


@pytest.mark.parametrize("damage", [empty, Path.unlink])
def test_output_of_an_earlier_epoch_is_left_out_of_the_record_with_a_word(
    damage: Callable[[Path], None],
    stores: Stores,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = resumed(stores[0, 2], tmp_path / "runs", "best_logits.safetensors", damage)
    assert [name for name in record["files"] if "best" in name] == ["best.pt"]
    assert "best_logits.safetensors is missing or damaged" in capsys.readouterr().out


REBUILT = [
    ((1, 2), "best.pt", empty),
    ((1, 2), "best_logits.safetensors", tear),
    ((1, 2), "curves.jsonl", write_no_text),
    ((0, 3), "last.pt", Path.unlink),
    ((0, 3), "last_logits.safetensors", empty),
    ((0, 3), "label_tables/epoch_0003.safetensors", tear),
    ((0, 3), "curves.jsonl", write_no_text),
]


@pytest.mark.parametrize(("where", "name", "damage"), REBUILT)
def test_files_of_the_last_finished_epoch_are_rebuilt_from_its_checkpoint(
    where: tuple[int, int],
    name: str,
    damage: Callable[[Path], None],
    stores: Stores,
    tmp_path: Path,
) -> None:
    seed, _ = where
    whole = stores[seed, 3]
    resumed(whole, tmp_path / "whole", "curves.jsonl", lambda path: None)
    record = resumed(stores[where], tmp_path / "runs", name, damage)
    assert {"best.pt", "last.pt"} <= record["files"].keys()
    assert differences(outcome(tmp_path / "whole", whole.name), outcome(tmp_path / "runs", whole.name)) == []


@pytest.mark.parametrize("damage", [replace_by_a_list, replace_by_a_stranger])
def test_an_archive_that_holds_no_state_is_passed_over_for_the_checkpoint_before(
    damage: Callable[[Path], None],
    stores: Stores,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    resumed(stores[0, 2], tmp_path / "runs", "checkpoint.pt", damage)
    said = capsys.readouterr().out
    assert "checkpoint.pt" in said
    assert "resuming from checkpoint.previous.pt\n" in said
    assert "resuming after epoch 1, step 0\n" in said


def test_curves_are_counted_only_where_every_line_is_the_next_epochs(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    artifacts.curves([{"epoch": 1}, {"epoch": 2}])
    assert artifacts.written_epochs() == 2
    for text in ('{"epoch": 1}\n{"epoch": 3}\n', '{"epoch": 1}\n{"epo', "[1]\n", '{"lr": 1}\n', "5\n"):
        (tmp_path / "curves.jsonl").write_text(text)
        assert artifacts.written_epochs() == 0
