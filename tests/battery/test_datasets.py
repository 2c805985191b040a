"""Every data set goes through the same tests: what it holds, and what the device loader makes of pixels in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cifar_files
import photo_files
import pytest
import torch
import voc_files
import yaml
from registry import DATASETS, DETECTION, IN_MEMORY, PHOTOGRAPHS

from olsrepro.config.compose import compose_run
from olsrepro.config.locate import configs_folder
from olsrepro.config.run_config import RunConfig
from olsrepro.data.dataset import Geometry, ImageData, Photographs
from olsrepro.data.datasets.settings import VocSettings, dataset_class
from olsrepro.data.in_memory.loader import DeviceLoader, evaluation_batches
from olsrepro.data.registry import dataset_names, read_dataset

Read = tuple[RunConfig, ImageData]


@pytest.fixture(params=IN_MEMORY)
def dataset(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    config = compose_run([f"dataset={request.param}", "preset=paper"])
    settings = config.dataset
    if request.param in cifar_files.LAYOUT:
        cifar_files.write(tmp_path, request.param)
        cifar_files.trust(monkeypatch, tmp_path, request.param)
        train, test, *_ = cifar_files.LAYOUT[request.param]
        sizes = {"train_size": cifar_files.PER_FILE * len(train), "test_size": cifar_files.PER_FILE * len(test)}
        settings = replace(settings, **sizes)
    data = read_dataset(settings, tmp_path)
    assert isinstance(data, ImageData)
    return replace(config, dataset=settings), data


@pytest.fixture(params=PHOTOGRAPHS)
def photographs(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[RunConfig, Photographs]:
    config = compose_run([f"dataset={request.param}", "backbone=resnet50", "preset=paper"])
    sizes = photo_files.write(tmp_path, request.param)
    settings = replace(config.dataset, **vars(sizes))
    data = read_dataset(settings, tmp_path)
    assert isinstance(data, Photographs)
    return replace(config, dataset=settings), data


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


def test_photographs_are_the_data_sets_that_are_not_in_memory() -> None:
    assert {name for name in DATASETS if not dataset_class(name).is_in_memory} == {*PHOTOGRAPHS, *DETECTION}


@pytest.mark.parametrize("name", DETECTION)
def test_a_set_of_boxes_is_what_its_config_says(name: str, tmp_path: Path) -> None:
    settings = dataset_class(name)(**yaml.safe_load((configs_folder() / "dataset" / f"{name}.yaml").read_text()))
    assert isinstance(settings, VocSettings)
    if name == "voc":
        sizes = voc_files.write(tmp_path)
        settings = replace(settings, train_size=sizes.train_size, test_size=sizes.test_size)
    data = read_dataset(settings, tmp_path)
    assert (len(data.train_paths), len(data.test_paths)) == (settings.train_size, settings.test_size)
    assert (len(data.train_objects), len(data.test_objects)) == (settings.train_size, settings.test_size)
    assert len(data.class_names) == settings.num_classes
    for objects in (data.train_objects, data.test_objects):
        assert 0 <= int(objects.classes.min()) <= int(objects.classes.max()) < settings.num_classes
        assert (objects.boxes[:, 2:] > objects.boxes[:, :2]).all()


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


def test_photographs_are_what_their_config_says(photographs: tuple[RunConfig, Photographs]) -> None:
    config, data = photographs
    facts = config.dataset
    assert (len(data.train_paths), len(data.test_paths)) == (facts.train_size, facts.test_size)
    assert len(data.class_names) == facts.num_classes
    assert data.geometry == Geometry(facts.image_size, facts.resize, facts.resized_to)
    assert config.recipe.crop in facts.crops
    for targets in (data.train_targets, data.test_targets):
        assert targets.dtype == torch.int64
        assert sorted(set(targets.tolist())) == list(range(facts.num_classes))


def test_every_photograph_is_there_once_in_one_of_both_parts(photographs: tuple[RunConfig, Photographs]) -> None:
    config, data = photographs
    paths = [*data.train_paths, *data.test_paths]
    assert len(set(paths)) == config.dataset.train_size + config.dataset.test_size
    assert all((data.root / path).is_file() for path in paths)
    assert not any(path.startswith("/") or ".." in path for path in paths)


def test_photographs_are_read_the_same_again(photographs: tuple[RunConfig, Photographs], tmp_path: Path) -> None:
    config, data = photographs
    again = read_dataset(config.dataset, tmp_path)
    assert isinstance(again, Photographs)
    assert [*again.train_paths, *again.test_paths] == [*data.train_paths, *data.test_paths]
    assert torch.equal(again.train_targets, data.train_targets)
    assert torch.equal(again.test_targets, data.test_targets)
