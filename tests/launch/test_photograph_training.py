"""Runs on photographs, from files to a record: bitwise however they are read, stopped or split."""

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
from photo_runs import LEARNING, STEPS_PER_EPOCH, TEST, TRAIN, photo_run, written
from processes import train_config
from rank_processes import train_configs_on
from rich.console import Console

from olsrepro.cli.main import main
from olsrepro.config.run_config import RunConfig
from olsrepro.launch.run import run
from olsrepro.models.registry import build_backbone
from olsrepro.settings import UserError
from olsrepro.store.identity import run_id

CROPS = {"cub": "window", "imagenet": "resized"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("photographs"), "cub", "imagenet")


def trained(config: RunConfig) -> Path:
    """The folder of the run."""
    return run(config, console=Console(quiet=True)).parent


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "curves.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store where a run on each set was trained at one go, in one process that reads the images itself."""
    runs = tmp_path_factory.mktemp("whole")
    for name in CROPS:
        trained(photo_run(name, data, runs, *LEARNING))
    return runs


@pytest.mark.parametrize("name", CROPS)
def test_a_run_trains_by_its_own_recipe_and_leaves_a_record(name: str, data: Path, whole: Path) -> None:
    config = photo_run(name, data, whole, *LEARNING)
    recipe = config.recipe
    assert recipe.crop == CROPS[name]
    assert [recipe.colour_jitter, recipe.light_noise] == ([0.4, 0.1] if name == "imagenet" else [0, 0])
    record = json.loads((whole / run_id(config) / "record.json").read_text())
    assert record["status"] == "finished"
    assert record["noise"]["flipped"] == math.floor(0.3 * TRAIN)
    assert "unreadable" not in record
    for row in rows(whole / run_id(config)):
        assert (row["images"], row["n_test"]) == (TRAIN, TEST)
        assert math.isfinite(row["train_loss"])


@pytest.mark.parametrize("name", CROPS)
def test_a_run_that_is_killed_inside_an_epoch_goes_on_bitwise_with_two_workers(
    name: str, data: Path, whole: Path, tmp_path: Path
) -> None:
    config = photo_run(name, data, tmp_path, *LEARNING, "runtime.workers=2")
    assert train_config(config, ("step", STEPS_PER_EPOCH + 3)) == -signal.SIGKILL
    assert not (tmp_path / run_id(config) / "record.json").exists()
    assert train_config(config) == 0
    assert differences(outcome(whole, run_id(config)), outcome(tmp_path, run_id(config))) == []


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("cub", ["runtime.workers=1"]),
        ("cub", ["runtime.workers=2", "runtime.pixel_cache=true"]),
        ("cub", ["runtime.pixel_cache=true"]),
        ("imagenet", ["runtime.workers=1", "runtime.pixel_cache=true"]),
    ],
)
def test_workers_and_pixel_cache_change_no_bit(
    name: str, lines: list[str], data: Path, whole: Path, tmp_path: Path
) -> None:
    config = photo_run(name, data, tmp_path / "runs", *LEARNING, *lines, f"runtime.cache_dir={tmp_path / 'cache'}")
    trained(config)
    assert differences(outcome(whole, run_id(config)), outcome(tmp_path / "runs", run_id(config))) == []
    kept = {path.name.rsplit("-", 1)[0] for path in (tmp_path / "cache").glob("*.u8")}
    if not config.runtime.pixel_cache:
        assert kept == set()
    else:
        assert kept == ({"CUB_200_2011-train", "CUB_200_2011-test"} if name == "cub" else {"imagenet-test"})


def test_two_ranks_see_the_images_of_one(data: Path, tmp_path: Path) -> None:
    """With BatchNorm frozen: it alone would tell how a batch is split."""
    frozen = ["recipe.batch_norm=frozen", "recipe.batch_size=6", "recipe.lr=0.2", *LEARNING]
    stores = {ranks: tmp_path / str(ranks) for ranks in (1, 2)}
    one, two = (photo_run("imagenet", data, store, *frozen) for store in stores.values())
    trained(one)
    assert train_configs_on(2, [two]) == [0, 0]
    ends = {ranks: store / run_id(one) for ranks, store in stores.items()}
    weights = {ranks: torch.load(end / "last.pt", weights_only=True)["weights"] for ranks, end in ends.items()}
    torch.testing.assert_close(weights[2], weights[1], rtol=1e-3, atol=2e-5)
    for ours, theirs in zip(rows(ends[1]), rows(ends[2]), strict=True):
        assert (theirs["images"], theirs["n_test"], theirs["n_flipped"]) == (TRAIN, TEST, ours["n_flipped"])
        assert theirs["train_loss"] == pytest.approx(ours["train_loss"], rel=1e-4)


ONE_EPOCH = ["recipe.epochs=1", "recipe.batch_size=6"]
METHODS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "ddgsd": ([], {}),
    "ols_single": (["method.source=extra_forward"], {}),
    "l2rw": ([], {"clean_size": 6}),
}


@pytest.mark.parametrize("name", CROPS)
@pytest.mark.parametrize("method", METHODS)
def test_methods_of_more_views_and_of_a_clean_set_train_on_photographs(
    name: str, method: str, data: Path, tmp_path: Path
) -> None:
    lines, fields = METHODS[method]
    folder = trained(photo_run(name, data, tmp_path, f"method={method}", *lines, *ONE_EPOCH, **fields))
    (row,) = rows(folder)
    aside = fields.get("clean_size", 0)
    assert (row["images"], row["n_test"]) == (TRAIN - aside, TEST)
    assert math.isfinite(row["train_loss"])
    clean = json.loads((folder / "record.json").read_text()).get("clean_set", [])
    assert len(set(clean)) == len(clean) == aside


def test_byot_puts_its_heads_on_a_network_for_photographs(data: Path, tmp_path: Path) -> None:
    small = ["backbone=resnet50", "backbone.width=0.125", "backbone.depth_factor=0.3", "dataset.input_size=64"]
    folder = trained(photo_run("imagenet", data, tmp_path, *ONE_EPOCH, "method=byot", *small))
    (row,) = rows(folder)
    assert (row["images"], row["n_test"]) == (TRAIN, TEST)
    assert math.isfinite(row["train_loss"])


def test_a_run_starts_from_the_weights_of_a_file(data: Path, tmp_path: Path) -> None:
    """At a rate of 0 it leaves every weight as it came."""
    network = build_backbone(photo_run("cub", data, tmp_path).backbone, 1000)
    torch.save(network.state_dict(), path := tmp_path / "weights.pth")
    lines = [f"recipe.pretrained={path}", "recipe.lr=0", "method=hard", *ONE_EPOCH]
    folder = trained(photo_run("cub", data, tmp_path / "runs", *lines))
    last = torch.load(folder / "last.pt", weights_only=True)["weights"]
    learnt = {key: value for key, value in network.named_parameters() if not key.startswith("fc.")}
    assert learnt
    assert all(torch.equal(last[key], value) for key, value in learnt.items())


def test_a_file_of_another_networks_weights_is_refused_in_one_line(data: Path, tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, path := tmp_path / "weights.pth")
    with pytest.raises(UserError, match=f"{path} holds the weights of another network"):
        trained(photo_run("cub", data, tmp_path / "runs", f"recipe.pretrained={path}"))


def test_a_missing_class_folder_is_a_mistake_told_in_one_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(data, tmp_path / "copy")
    folder = tmp_path / "copy" / "imagenet" / "train"
    shutil.rmtree(folder / "n02105855")
    lines = [f"runtime.data_dir={tmp_path / 'copy'}", f"runtime.runs_dir={tmp_path / 'runs'}", "runtime.device=cpu"]
    assert main(["train", "dataset=imagenet", *lines]) == 2
    told = capsys.readouterr()
    expected = f"olsrepro: {folder} has no folders for the classes n02105855; run `olsrepro data fetch imagenet`\n"
    assert told.err == expected
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").glob("*-s*"))
