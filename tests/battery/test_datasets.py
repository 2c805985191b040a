"""Every data set goes through the same tests: what it holds, and what the device loader makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cifar_files
import pytest
import torch
from registry import DATASETS

from olsrepro.config.compose import compose_run
from olsrepro.config.locate import configs_folder
from olsrepro.config.run_config import RunConfig
from olsrepro.data.device_loader import DeviceLoader, evaluation_batches
from olsrepro.data.images import ImageData
from olsrepro.data.registry import dataset_names, read_dataset

Read = tuple[RunConfig, ImageData]


@pytest.fixture(params=DATASETS)
def dataset(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    config = compose_run([f"dataset={request.param}", "preset=paper"])
    settings = config.dataset
    if request.param in cifar_files.LAYOUT:
        cifar_files.write(tmp_path, request.param)
        cifar_files.trust(monkeypatch, tmp_path, request.param)
        train, test, *_ = cifar_files.LAYOUT[request.param]
        sizes = {"train_size": cifar_files.PER_FILE * len(train), "test_size": cifar_files.PER_FILE * len(test)}
        settings = replace(settings, **sizes)
    return replace(config, dataset=settings), read_dataset(settings, tmp_path)


def loader_of(dataset: Read, seed: int = 0) -> DeviceLoader:
    config, data = dataset
    return DeviceLoader(
        data.train_images,
        data.train_targets,
        data.mean,
        data.std,
        augment=config.recipe.augment,
        batch_size=7,
        seed=seed,
        device="cpu",
    )


def test_every_data_set_is_in_the_registry_and_in_configs() -> None:
    configured = sorted(path.stem for path in (configs_folder() / "dataset").glob("*.yaml"))
    assert sorted(DATASETS) == list(dataset_names()) == configured


def test_it_is_what_its_config_says(dataset: Read) -> None:
    config, data = dataset
    side = config.dataset.image_size
    assert data.train_images.shape == (config.dataset.train_size, 3, side, side)
    assert data.test_images.shape == (config.dataset.test_size, 3, side, side)
    assert data.train_images.dtype == data.test_images.dtype == torch.uint8
    assert len(data.class_names) == config.dataset.num_classes
    for targets in (data.train_targets, data.test_targets):
        assert targets.dtype == torch.int64
        assert 0 <= int(targets.min()) <= int(targets.max()) < config.dataset.num_classes


def test_an_epoch_has_every_sample_once_with_its_own_label(dataset: Read) -> None:
    _, data = dataset
    batches = list(loader_of(dataset).epoch(3))
    indices = torch.cat([batch.indices for batch in batches])
    assert torch.equal(indices.sort().values, torch.arange(len(data.train_targets)))
    assert torch.equal(torch.cat([batch.targets for batch in batches]), data.train_targets[indices])


def test_an_epoch_begun_in_its_middle_has_the_same_batches(dataset: Read) -> None:
    whole, rest = list(loader_of(dataset).epoch(1)), list(loader_of(dataset).epoch(1, start=2))
    assert len(rest) == len(whole) - 2
    assert all(torch.equal(a.images, b.images) for a, b in zip(whole[2:], rest, strict=True))


def test_epochs_and_seeds_differ(dataset: Read) -> None:
    first = next(loader_of(dataset).epoch(0))
    assert not torch.equal(first.indices, next(loader_of(dataset).epoch(1)).indices)
    assert not torch.equal(first.indices, next(loader_of(dataset, seed=1).epoch(0)).indices)


def test_a_test_pass_is_the_pixels_normalised_in_order(dataset: Read) -> None:
    _, data = dataset
    parts = evaluation_batches(data.test_images, data.test_targets, data.mean, data.std, 7, "cpu")
    images, targets = (torch.cat(part) for part in zip(*parts, strict=True))
    expected = (data.test_images / 255 - data.mean[:, None, None]) / data.std[:, None, None]
    torch.testing.assert_close(images, expected)
    assert torch.equal(targets, data.test_targets)
