"""Runs of detectors, from files to a record: bitwise however they are read or stopped, the same however split."""

from __future__ import annotations

import json
import math
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from outcome import differences, outcome
from processes import train_config
from rank_processes import train_configs_on
from rich.console import Console
from safetensors.torch import load_file
from shape_runs import STEPS_PER_EPOCH, TEST, TRAIN, shape_run
from torch import Tensor, nn

from olsrepro.config.run_config import RunConfig
from olsrepro.data.detection.batch import DetectionBatch
from olsrepro.evaluation.registry import read_settings
from olsrepro.launch.build import learner_of
from olsrepro.launch.errors import RunFailed
from olsrepro.launch.finished.evaluate import evaluate
from olsrepro.launch.run import run
from olsrepro.methods.base import LabelMethod
from olsrepro.models.registry import build_detector
from olsrepro.store.identity import run_id
from olsrepro.training.detection.settings import KEPT
from olsrepro.training.detection.task import DetectionOutput, DetectionTask

MIXED = ["method=ols", "recipe.sizes=[64,96]", "recipe.size_every=2", "recipe.mixup=0.5"]
FROZEN = ["recipe.batch_norm=frozen", "recipe.warmup_epochs=0.5", "recipe.lr=0.2"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shapes")


def trained(config: RunConfig) -> Path:
    """The folder of the run."""
    return run(config, console=Console(quiet=True)).parent


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "curves.jsonl").read_text().splitlines()]


def weights(folder: Path, name: str = "last.pt") -> dict[str, Tensor]:
    found: dict[str, Tensor] = torch.load(folder / name, weights_only=True)["weights"]
    return found


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store where a run of several sizes and of mixed images was trained at one go."""
    runs = tmp_path_factory.mktemp("whole")
    trained(shape_run(data, runs, *MIXED))
    return runs


def test_a_run_leaves_its_numbers_and_all_of_its_files(data: Path, whole: Path) -> None:
    config = shape_run(data, whole, *MIXED)
    folder = whole / run_id(config)
    record = json.loads((folder / "record.json").read_text())
    assert record["status"] == "finished"
    assert "noise" not in record
    assert set(record["files"]) == {
        *("best.pt", "last.pt", "best_detections.safetensors", "last_detections.safetensors"),
        "label_tables/epoch_0002.safetensors",
    }
    for place, row in enumerate(rows(folder)):
        assert (row["images"], row["n_test"]) == (TRAIN, TEST)
        assert row["lr"] == config.recipe.rate_at(place)
        assert row["n_positive"] >= TRAIN
        parts = [row[f"train_{part}_loss"] for part in ("box", "objectness", "class")]
        assert row["train_loss"] == pytest.approx(sum(parts), rel=1e-6)
        assert math.isfinite(row["train_loss"])
        assert 0 <= row["test_mAP"] <= 100
    best = max(rows(folder), key=lambda row: row["test_mAP"])
    assert record["errors"]["best"] == {"mAP": best["test_mAP"], "epoch": best["epoch"]}
    stored = load_file(folder / "last_detections.safetensors")
    assert len(stored["starts"]) == TEST + 1
    assert 0 < stored["starts"].diff().max() <= KEPT


def test_ols_has_hard_labels_in_its_first_epoch_and_learnt_ones_for_the_second(data: Path, whole: Path) -> None:
    folder = whole / run_id(shape_run(data, whole, *MIXED))
    state = torch.load(folder / "checkpoint.previous.pt", weights_only=True)["ranks"][0]["method"]
    assert state["criterion.table.soft_labels"].shape == (6, 6)
    tables = [load_file(folder / "label_tables" / f"epoch_000{epoch}.safetensors")["soft_labels"] for epoch in (1, 2)]
    uniform = torch.full((6,), 1 / 6)
    learnt = [row for row in tables[0] if not torch.equal(row, uniform)]
    assert learnt, "some positives were right"
    assert all((row > 0).all() and (row < 1).all() for row in learnt)
    assert not torch.equal(*tables)


@pytest.mark.parametrize(
    ("kill", "lines"),
    [
        (("step", STEPS_PER_EPOCH + 2), ["runtime.workers=2"]),
        (("saved", STEPS_PER_EPOCH), []),
        (("written", 2), []),
    ],
    ids=["inside an epoch", "at its end, its checkpoint written", "with the last files"],
)
def test_a_killed_run_goes_on_bitwise(
    kill: tuple[str, int], lines: list[str], data: Path, whole: Path, tmp_path: Path
) -> None:
    config = shape_run(data, tmp_path, *MIXED, *lines)
    assert train_config(config, kill) == -signal.SIGKILL
    assert not (tmp_path / run_id(config) / "record.json").exists()
    assert train_config(config) == 0
    assert differences(outcome(whole, run_id(config)), outcome(tmp_path, run_id(config))) == []


SPLIT: dict[str, list[str]] = {"hard": [], "ls": [], "ols": ["recipe.mixup=0.5"]}


def frozen_run(method: str, data: Path, runs: Path, *lines: str) -> RunConfig:
    return shape_run(data, runs, *FROZEN, *SPLIT[method], f"method={method}", *lines)


@pytest.fixture(scope="module")
def one(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store where each method was trained by one process; with BatchNorm frozen, which alone tells of a split."""
    runs = tmp_path_factory.mktemp("one")
    for method in SPLIT:
        trained(frozen_run(method, data, runs))
    return runs


@pytest.fixture(scope="module")
def two(data: Path, one: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store where each was trained by two; the second epoch alone of the run with OLS, the first by one process."""
    runs = tmp_path_factory.mktemp("two")
    configs = [frozen_run(method, data, runs) for method in SPLIT]
    assert train_config(configs[-1], ("written", 1)) == -signal.SIGKILL
    assert train_configs_on(2, configs) == [0, 0]
    return runs


def same_end(ours: Path, theirs: Path, config: RunConfig) -> None:
    start = learner_of(config, torch.device("cpu")).network.state_dict()
    left = [weights(folder) for folder in (ours, theirs)]
    assert max(float((left[0][key] - start[key]).abs().max()) for key in start) > 1, "it has learnt something"
    torch.testing.assert_close(left[1], left[0], rtol=1e-3, atol=2e-6)
    for row, other in zip(rows(ours), rows(theirs), strict=True):
        assert [other[key] for key in ("images", "n_test", "n_positive")] == [TRAIN, TEST, row["n_positive"]]
        for key in ("train_loss", "train_box_loss", "train_objectness_loss", "train_class_loss"):
            assert other[key] == pytest.approx(row[key], rel=1e-4)
        assert other["test_mAP"] == pytest.approx(row["test_mAP"], abs=0.5)
    for path in sorted(ours.glob("label_tables/*")):
        mine, others = (load_file(folder / "label_tables" / path.name) for folder in (ours, theirs))
        torch.testing.assert_close(others, mine, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", SPLIT)
def test_two_ranks_end_where_one_ends(method: str, data: Path, one: Path, two: Path) -> None:
    config = frozen_run(method, data, one)
    same_end(one / run_id(config), two / run_id(config), config)
    state = torch.load(two / run_id(config) / "checkpoint.pt", weights_only=True)
    assert [entry["ranks"] for entry in state["history"]] == ([1, 2] if method == "ols" else [2])


def test_a_batch_in_two_parts_ends_where_the_whole_ends(data: Path, one: Path, tmp_path: Path) -> None:
    config = frozen_run("ols", data, tmp_path, "runtime.accumulate=2")
    same_end(one / run_id(config), trained(config), config)


@pytest.mark.parametrize("lines", [["recipe.precision=bf16"], ["recipe.ema_decay=0.5"]], ids=lambda lines: lines[0])
def test_a_run_in_bf16_and_one_of_averaged_weights_are_tested_as_they_are_kept(
    lines: list[str], data: Path, tmp_path: Path
) -> None:
    config = shape_run(data, tmp_path, "method=ls", "recipe.epochs=1", "recipe.warmup_epochs=0", *lines)
    folder = trained(config)
    (row,) = rows(folder)
    assert math.isfinite(row["train_loss"])
    network = build_detector(config.backbone, 6)
    network.load_state_dict(weights(folder))
    path = evaluate(config, read_settings({"name": "detection", "sizes": [64], "flip": False}))
    measured, is_exact = json.loads(path.read_text()), "bf16" not in lines[0]
    assert measured["values"]["mAP"] == pytest.approx(row["test_mAP"], abs=1e-9 if is_exact else 1.0)
    assert measured["detail"]["detections"] == pytest.approx(row["n_detections"], rel=1e-9 if is_exact else 0.1)
    assert row["n_detections"] > TEST


@pytest.mark.slow
@pytest.mark.timeout(900)  # to compile takes minutes
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile on the CPU needs g++")
@pytest.mark.filterwarnings("default")  # torch's compiler warns of its own deprecations
def test_a_compiled_detector_learns_what_an_eager_one_does(data: Path, tmp_path: Path) -> None:
    one_step = ["recipe.epochs=1", f"recipe.batch_size={TRAIN}", "recipe.warmup_epochs=0", "recipe.lr=0.2"]
    lines = [*one_step, "recipe.batch_norm=frozen"]
    eager, compiled = (
        weights(trained(shape_run(data, tmp_path / flag, *lines, f"runtime.compile={flag}")))
        for flag in ("false", "true")
    )
    start = learner_of(shape_run(data, tmp_path, *lines), torch.device("cpu")).network.state_dict()
    assert max(float((eager[key] - start[key]).abs().max()) for key in start) > 0.1, "it has learnt something"
    torch.testing.assert_close(compiled, eager, rtol=1e-3, atol=2e-6)


class Spoilt:
    """The detector's loss, but of one step it is no number."""

    def __init__(self, epoch: int, sample: int) -> None:
        self.epoch, self.sample = epoch, sample
        self.loss, self.batches = DetectionTask.loss, list[DetectionBatch]()

    def __call__(
        self, task: DetectionTask, method: LabelMethod, network: nn.Module, batch: DetectionBatch
    ) -> DetectionOutput:
        output = self.loss(task, method, network, batch)
        if batch.epoch != self.epoch or self.sample not in batch.indices:
            return output
        self.batches.append(batch)
        return DetectionOutput(output.loss * math.nan, output.parts)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_its_files(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt = Spoilt(epoch=1, sample=5)
    monkeypatch.setattr(DetectionTask, "loss", lambda *arguments: spoilt(*arguments))
    config = shape_run(data, tmp_path)
    with pytest.raises(RunFailed) as caught:
        trained(config)
    (batch,) = spoilt.batches
    numbers = [f"{1 + index:06d}" if index < TRAIN // 2 else f"2012_{1 + index:06d}" for index in batch.indices]
    years = ["VOC2012" if "_" in number else "VOC2007" for number in numbers]
    files = ", ".join(f"{year}/JPEGImages/{name}.jpg" for year, name in zip(years, numbers, strict=True))
    assert "loss of epoch 2, step " in str(caught.value)
    assert f"is not finite; its samples: {files}\n" in str(caught.value)
    folder = tmp_path / run_id(config)
    assert json.loads((folder / "record.json").read_text())["error"]["kind"] == "not finite"
    for path in folder.glob("checkpoint*.pt"):
        state = torch.load(path, weights_only=True)
        assert all(tensor.isfinite().all() for tensor in state["learner"]["network"].values())
        assert state["progress"]["epoch"] == 1 or not state["inside_epoch"]
    monkeypatch.undo()
    trained(config)
    assert json.loads((folder / "record.json").read_text())["status"] == "finished"
