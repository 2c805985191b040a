"""An image that can't be decoded ends a run before it trains, or is left out: of training, tests and measurements."""

from __future__ import annotations

import json
import math
import shutil
import signal
from collections import namedtuple
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import photo_files
import pytest
from photo_runs import TEST, TRAIN, photo_run, written
from processes import train_config
from rich.console import Console

from olsrepro.config.run_config import RunConfig
from olsrepro.evaluation.registry import read_settings
from olsrepro.launch import ranks
from olsrepro.launch.errors import RunFailed
from olsrepro.launch.finished.evaluate import evaluate
from olsrepro.launch.ranks import refuse_unlike
from olsrepro.launch.run import run
from olsrepro.settings import UserError
from olsrepro.store.identity import run_id

SKIP = "dataset.skip_unreadable=true"
ECE, FGSM = read_settings({"name": "ece"}), read_settings({"name": "fgsm"})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return written(tmp_path, "cub")


def image(data: Path, number: int) -> Path:
    """An image of the first class: of 11 of each the first 8 are for training."""
    return photo_files.photographs_in(data / "CUB_200_2011" / "images")[number]


@pytest.fixture
def damaged(data: Path) -> list[Path]:
    """Two training images and a test image that are damaged."""
    found = [image(data, number) for number in (2, 5, 9)]
    for path in found:
        photo_files.truncate(path)
    return found


def trained(config: RunConfig) -> Path:
    return run(config, console=Console(quiet=True)).parent


def refused(config: RunConfig) -> str:
    with pytest.raises(UserError) as told:
        trained(config)
    line = str(told.value)
    assert "\n" not in line
    assert not list(Path(config.runtime.runs_dir).glob("*-s*/*"))
    return line


def record_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "record.json").read_text())
    return found


def last_row(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "curves.jsonl").read_text().splitlines()[-1])
    return found


@pytest.mark.parametrize("workers", [0, 2])
def test_it_is_named_before_training(data: Path, damaged: list[Path], tmp_path: Path, workers: int) -> None:
    line = refused(photo_run("cub", data, tmp_path / "runs", f"runtime.workers={workers}"))
    assert line.startswith(f"3 images of CUB_200_2011 can't be decoded: {damaged[0]} (")
    assert line.endswith("or leave them out with dataset.skip_unreadable=true")


def test_it_is_left_out_and_recorded_and_labels_are_drawn_for_the_others(
    data: Path, damaged: list[Path], tmp_path: Path
) -> None:
    folder = trained(photo_run("cub", data, tmp_path / "runs", SKIP, "noise=symmetric", "noise.rate=0.5"))
    record, row = record_of(folder), last_row(folder)
    assert record["unreadable"] == [str(path.relative_to(data / "CUB_200_2011")) for path in damaged]
    assert record["noise"]["flipped"] == row["n_flipped"] == (TRAIN - 2) // 2
    assert (row["images"], row["n_test"]) == (TRAIN - 2, TEST - 1)


def test_evaluations_see_the_images_that_the_run_saw(data: Path, damaged: list[Path], tmp_path: Path) -> None:
    config = photo_run("cub", data, tmp_path / "runs", SKIP)
    trained(config)
    damaged[2].write_bytes(photo_files.photograph(9))  # mended after the run, whose logits don't count it
    for settings in (ECE, FGSM):
        record = json.loads(evaluate(config, settings).read_text())
        assert record["samples"] == TEST - 1
        assert all(math.isfinite(value) for value in record["values"].values())


def test_a_run_does_not_go_on_with_other_images_than_it_began_with(
    data: Path, damaged: list[Path], tmp_path: Path
) -> None:
    config = photo_run("cub", data, tmp_path / "runs", SKIP)
    assert train_config(config, ("step", 2)) == -signal.SIGKILL
    damaged[0].write_bytes(photo_files.photograph(2))  # samples after it would take other numbers
    with pytest.raises(RunFailed, match="2 images can't be decoded now, but 3 when the run began: put the files back"):
        trained(config)
    photo_files.truncate(damaged[0])
    assert record_of(trained(config))["status"] == "finished"


def test_evaluations_of_runs_with_and_without_an_image_do_not_share_their_data(data: Path, tmp_path: Path) -> None:
    whole = photo_run("cub", data, tmp_path / "whole", SKIP)
    trained(whole)
    original = image(data, 9).read_bytes()
    photo_files.truncate(image(data, 9))
    without = photo_run("cub", data, tmp_path / "without", SKIP)
    trained(without)
    image(data, 9).write_bytes(original)
    counts = [json.loads(evaluate(config, FGSM).read_text())["samples"] for config in (whole, without, whole)]
    assert counts == [TEST, TEST - 1, TEST]


@pytest.mark.parametrize("method", ["arazo", "l2rw", "ols_single", "pencil", "smp"])
def test_methods_that_remember_samples_do_without_it(
    method: str, data: Path, damaged: list[Path], tmp_path: Path
) -> None:
    fields: dict[str, dict[str, Any]] = {"l2rw": {"clean_size": 6}, "smp": {"num_prototypes": 2}}
    lines = [SKIP, f"method={method}", "recipe.train_error=eval", "recipe.epochs=3"]
    folder = trained(photo_run("cub", data, tmp_path / "runs", *lines, **fields.get(method, {})))
    row = last_row(folder)
    assert row["images"] == TRAIN - 2 - (6 if method == "l2rw" else 0)
    assert math.isfinite(row["train_loss"])


def test_labels_of_a_file_are_refused_where_an_image_is_left_out(
    data: Path, damaged: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file's labels are counted when a run is composed, before it is known that images are missing."""
    monkeypatch.setattr("olsrepro.data.noise.file.labels.check_file", lambda *_: None)
    np.save(path := tmp_path / "labels.npy", np.zeros(TRAIN, dtype=np.int64))
    line = refused(photo_run("cub", data, tmp_path / "runs", SKIP, "noise=file", f"noise.path={path}"))
    assert line.startswith(
        f"noise.path={path} has labels for all training images, including 2 that are left out by {SKIP}"
    )


def test_ranks_whose_copies_differ_are_refused(
    data: Path, damaged: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from olsrepro.launch.reader import read_data

    ours, _ = read_data(photo_run("cub", data, tmp_path / "runs", SKIP), lambda _: None)
    path = str(damaged[0].relative_to(data / "CUB_200_2011"))

    def others(left_out: frozenset[str]) -> Sequence[frozenset[str]]:
        return [left_out, left_out, left_out - {path}]

    refuse_unlike(ours)
    monkeypatch.setattr(ranks, "of_all", others)
    with pytest.raises(UserError, match=f"{path} can be decoded on rank 2 but not on rank 0: "):
        refuse_unlike(ours)


def test_what_is_left_is_split_among_ranks_or_refused(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 24 images 4 batches of 6 are split in three parts, of 20 the last 2 are not."""
    config = photo_run("cub", data, tmp_path / "runs", SKIP, "recipe.batch_size=6", "runtime.accumulate=3")
    trained(config)
    shutil.rmtree(tmp_path / "runs")
    for number in (1, 2, 3, 4):
        photo_files.truncate(image(data, number))
    line = refused(config)
    assert line.startswith("recipe.batch_size=6 leaves a last batch of 2 training images of dataset=cub, too few for ")


def test_a_cache_folder_that_can_not_be_written_is_told(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        line = refused(photo_run("cub", data, tmp_path / "runs", f"runtime.cache_dir={folder}"))
        assert line.startswith(f"{folder} can't be written to (")
        assert line.endswith("name another folder with runtime.cache_dir")


def test_a_full_disk_is_told_with_the_place_of_the_cache(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1, 0, 1))
    line = refused(photo_run("cub", data, tmp_path / "runs", "runtime.pixel_cache=true"))
    assert line.startswith("runtime.pixel_cache=true needs ")
    assert f" bytes in {data / 'cache'}, where 1 are free; " in line
    assert line.endswith("name another folder with runtime.cache_dir, or set runtime.pixel_cache=false")


def test_the_runs_of_a_set_are_the_same_run_with_and_without_a_pixel_cache(data: Path, tmp_path: Path) -> None:
    plain = photo_run("cub", data, tmp_path)
    cached = photo_run("cub", data, tmp_path, "runtime.pixel_cache=true", "runtime.workers=3")
    assert run_id(plain) == run_id(cached) != run_id(photo_run("cub", data, tmp_path, SKIP))
