"""Settings of data set, noise and augmentation, and the files in ``configs`` that fill them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from olsrepro.data.manifest import SOURCES
from olsrepro.data.settings import AugmentSettings, DatasetSettings, NoiseSettings

CONFIGS = Path(__file__).parents[2] / "configs"


def read_yaml(group: str, name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((CONFIGS / group / f"{name}.yaml").read_text())
    return values


@pytest.mark.parametrize("name", SOURCES)
def test_dataset_files_agree_with_the_manifest(name: str) -> None:
    settings = DatasetSettings(**read_yaml("dataset", name))
    source = SOURCES[name]
    assert settings.name == name == source.name
    facts = ("num_classes", "train_size", "test_size", "image_size")
    assert [getattr(settings, key) for key in facts] == [getattr(source, key) for key in facts]
    assert settings.identity() == {"name": name}


def test_noise_files() -> None:
    assert NoiseSettings(**read_yaml("noise", "none")) == NoiseSettings()
    assert NoiseSettings(**read_yaml("noise", "symmetric")) == NoiseSettings("symmetric", 0.4)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("dataset/*.yaml")) + sorted(CONFIGS.glob("noise/*.yaml")), ids=str)
def test_each_value_names_its_source(path: Path) -> None:
    values = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    assert all(" # " in line for line in values)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("symetric", 0.1), "noise.kind=symetric is not known; did you mean symmetric?"),
        (("symmetric", 1.2), r"noise.rate=1.2 must be in \[0, 1\]"),
        (("symmetric", -0.1), r"noise.rate=-0.1 must be in \[0, 1\]"),
        (("symmetric", float("nan")), "noise.rate=nan must be"),
        (("none", 0.4), "noise.rate=0.4 has no effect with noise.kind=none; use noise=symmetric"),
    ],
)
def test_noise_refuses(arguments: tuple[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NoiseSettings(*arguments)


@pytest.mark.parametrize(
    ("given", "resolved"),
    [
        (NoiseSettings("symmetric", 0.0, 5), NoiseSettings()),
        (NoiseSettings("none", 0.0, 5), NoiseSettings()),
        (NoiseSettings("symmetric", 0.4, 3), NoiseSettings("symmetric", 0.4, None)),
        (NoiseSettings("symmetric", 0.4, 4), NoiseSettings("symmetric", 0.4, 4)),
        (NoiseSettings("symmetric", 0.4), NoiseSettings("symmetric", 0.4, None)),
    ],
)
def test_noise_has_one_form(given: NoiseSettings, resolved: NoiseSettings) -> None:
    assert given.resolved(run_seed=3) == resolved


@pytest.mark.parametrize("arguments", [{"padding": -1}, {"cutout": -2}])
def test_augmentation_refuses_negative_sizes(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be at least 0"):
        AugmentSettings(**arguments)
