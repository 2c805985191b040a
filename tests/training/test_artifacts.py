"""The files beside a record: what is in them, and that a failed write leaves the old ones."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from olsrepro.files.atomic import StorageError
from olsrepro.training.artifacts import Artifacts
from olsrepro.training.checkpoint import load
from olsrepro.training.task import Evaluation

LOGITS = torch.arange(12.0).reshape(4, 3)
TARGETS = torch.tensor([0, 1, 2, 0])
EVALUATION = Evaluation({"test_top1_err": 25.0, "n_test": 4}, 25.0, {"logits": LOGITS, "targets": TARGETS}, "logits")


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_curves_are_one_json_object_a_line_and_replaced_as_a_whole(tmp_path: Path) -> None:
    rows = [{"epoch": 1, "lr": 0.1}, {"epoch": 2, "lr": 1 / 3}]
    artifacts = Artifacts(tmp_path)
    artifacts.curves(rows[:1])
    artifacts.curves(rows)
    lines = (tmp_path / "curves.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == rows
    assert names(tmp_path) == ["curves.jsonl"]


def test_weights_come_with_their_epoch_and_their_test(tmp_path: Path) -> None:
    network = torch.nn.Linear(2, 3)
    Artifacts(tmp_path).weights("best", network, 7, EVALUATION)
    state = load(tmp_path / "best.pt")
    assert (state["epoch"], state["test"]) == (7, EVALUATION.fields)
    assert torch.equal(state["weights"]["weight"], network.weight)
    assert torch.equal(state["weights"]["bias"], network.bias)
    logits = load_file(tmp_path / "best_logits.safetensors")
    assert torch.equal(logits["logits"], LOGITS)
    assert torch.equal(logits["targets"], TARGETS)
    assert names(tmp_path) == ["best.pt", "best_logits.safetensors"]


def test_logits_that_do_not_lie_in_a_row_are_written_as_they_read(tmp_path: Path) -> None:
    turned = Evaluation({}, 0.0, {"logits": LOGITS.T, "targets": torch.tensor([0, 1, 2])})
    Artifacts(tmp_path).weights("last", torch.nn.Linear(1, 1), 1, turned)
    assert torch.equal(load_file(tmp_path / "last_logits.safetensors")["logits"], LOGITS.T)


def test_label_tables_lie_in_the_order_of_their_epochs(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path)
    for epoch in (9, 10, 200):
        artifacts.label_table(epoch, torch.full((2, 2), float(epoch)))
    files = [f"label_tables/epoch_{epoch:04d}.safetensors" for epoch in (9, 10, 200)]
    assert names(tmp_path) == files
    assert [float(load_file(tmp_path / file)["soft_labels"][0, 0]) for file in files] == [9, 10, 200]


def test_ensemble_sums_name_the_epochs_that_are_in_them_and_no_others(tmp_path: Path) -> None:
    Artifacts(tmp_path).ensemble({2: LOGITS}, {2: [5, 10], 3: [3, 6, 10]})
    file = tmp_path / "ensemble_sums.safetensors"
    assert torch.equal(load_file(file)["2"], LOGITS)
    with safe_open(file, "pt") as opened:
        assert opened.metadata() == {"2": "[5, 10]"}


def test_a_full_disk_leaves_the_files_of_the_last_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts, network = Artifacts(tmp_path), torch.nn.Linear(2, 3)
    artifacts.weights("best", network, 1, EVALUATION)
    artifacts.label_table(1, LOGITS)
    artifacts.curves([{"epoch": 1}])
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}

    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", refuse)
    for write in (
        lambda: artifacts.weights("best", network, 2, EVALUATION),
        lambda: artifacts.label_table(1, LOGITS + 1),
        lambda: artifacts.curves([{"epoch": 1}, {"epoch": 2}]),
    ):
        with pytest.raises(StorageError, match="no space left"):
            write()
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before
