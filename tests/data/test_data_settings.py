"""Settings of data set, noise and augmentation, and the files in ``configs`` that fill them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from olsrepro.data.datasets.settings import SETTINGS, dataset_class
from olsrepro.data.download.manifest import SOURCES
from olsrepro.data.noise.none.settings import Settings as NoNoise
from olsrepro.data.noise.registry import settings_class as noise_class
from olsrepro.data.noise.settings import NoiseSettings
from olsrepro.data.noise.symmetric.settings import Settings as Symmetric
from olsrepro.data.settings import AugmentSettings, DatasetSettings
from olsrepro.settings import UserError

CONFIGS = Path(__file__).parents[2] / "configs"


def read_yaml(group: str, name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((CONFIGS / group / f"{name}.yaml").read_text())
    return values


@pytest.mark.parametrize("name", sorted(set(SOURCES) - set(SETTINGS)))
def test_of_a_data_set_in_memory_a_run_id_has_the_name_alone(name: str) -> None:
    assert DatasetSettings(**read_yaml("dataset", name)).identity() == {"name": name}


@pytest.mark.parametrize(
    ("name", "switches"),
    [
        ("imagenet", {}),
        ("cub", {}),
        ("flowers", {"train": "trnid"}),
        ("cars", {"packaging": "car_ims"}),
        ("aircraft", {"labels": "authors_90"}),
    ],
)
def test_of_photographs_it_has_their_switches_too(name: str, switches: dict[str, Any]) -> None:
    settings = dataset_class(name)(**read_yaml("dataset", name))
    assert settings.identity() == {"name": name, "input_size": None, "skip_unreadable": False} | switches


@pytest.mark.parametrize(
    ("name", "changes", "facts"),
    [
        ("flowers", {"train": "trnid+valid"}, {"train_size": 2040, "test_size": 6149, "num_classes": 102}),
        ("aircraft", {"labels": "official_100"}, {"train_size": 6667, "num_classes": 100}),
        ("cub", {"input_size": 448}, {"image_size": 448, "resized_to": 512}),
        ("imagenet", {"input_size": 112}, {"image_size": 112, "resized_to": 128}),
    ],
)
def test_a_switch_brings_its_facts(name: str, changes: dict[str, Any], facts: dict[str, int]) -> None:
    settings = dataset_class(name)(**read_yaml("dataset", name) | changes).resolved()
    assert {key: getattr(settings, key) for key in facts} == facts


def test_the_usual_input_size_typed_is_the_default() -> None:
    values = read_yaml("dataset", "cub")
    assert dataset_class("cub")(**values | {"input_size": 224}).resolved() == dataset_class("cub")(**values)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("flowers", {"train": "trainid"}, "train=trainid is not known; did you mean trnid"),
        ("aircraft", {"labels": "official"}, "labels=official is not known; did you mean official_100"),
        ("cars", {"packaging": "cars"}, "packaging=cars is not known; did you mean car_ims or cars_train"),
        ("cub", {"input_size": 0}, "input_size=0 must be a whole number of at least 1"),
        ("cub", {"resize": "none"}, "resize=none is not known; valid: short_side, square"),
    ],
)
def test_photographs_refuse(name: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataset_class(name)(**read_yaml("dataset", name) | changes)


def test_noise_files() -> None:
    assert NoNoise(**read_yaml("noise", "none")) == NoNoise()
    assert Symmetric(**read_yaml("noise", "symmetric")) == Symmetric(rate=0.4)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("dataset/*.yaml")) + sorted(CONFIGS.glob("noise/*.yaml")), ids=str)
def test_each_value_names_its_source(path: Path) -> None:
    values = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert all(" # " in line for line in values)


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (1.2, r"noise.rate=1.2 must be in \[0, 1\]"),
        (-0.1, r"noise.rate=-0.1 must be in \[0, 1\]"),
        (float("nan"), "noise.rate=nan must be"),
    ],
)
def test_noise_refuses_what_is_no_share(rate: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Symmetric(rate=rate)


def test_a_misspelt_kind_of_noise_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"noise\.kind=symetric is not known; did you mean symmetric"):
        noise_class("symetric")


@pytest.mark.parametrize(
    ("given", "resolved"),
    [
        (Symmetric(rate=0.0, seed=5), NoNoise()),
        (NoNoise(), NoNoise()),
        (Symmetric(rate=0.4, seed=3), Symmetric(rate=0.4, seed=None)),
        (Symmetric(rate=0.4, seed=4), Symmetric(rate=0.4, seed=4)),
        (Symmetric(rate=0.4), Symmetric(rate=0.4, seed=None)),
    ],
)
def test_noise_has_one_form(given: NoiseSettings, resolved: NoiseSettings) -> None:
    assert given.resolved(run_seed=3) == resolved


@pytest.mark.parametrize("arguments", [{"padding": -1}, {"cutout": -2}])
def test_augmentation_refuses_negative_sizes(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be at least 0"):
        AugmentSettings(**arguments)
