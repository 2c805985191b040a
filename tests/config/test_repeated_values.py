"""Values that the code or the text must repeat: each copy says what the other does."""

from __future__ import annotations

import re
from typing import Any

import pytest
from repeated_values import CONFIGS, Stated, arguments_of, assert_same, defaults_of, file_of, stated_in

from olsrepro.cli import main, train
from olsrepro.config.run_config import CUSTOM
from olsrepro.data.datasets.settings import FLOWERS_TRAIN_SIZES, SETTINGS
from olsrepro.data.detection.settings import STRIDE, DetectionAugment
from olsrepro.data.download.manifest import LABEL_FILES, ROOT_VARIABLE, SOURCES, default_root
from olsrepro.data.download.source import Archive
from olsrepro.data.settings import CROPS, AugmentSettings, DatasetSettings
from olsrepro.detection.anchors import STRIDES
from olsrepro.evaluation.detection.average_precision import average_precision, mean_average_precision
from olsrepro.evaluation.detection.matching import match
from olsrepro.evaluation.detection.settings import OWN_SIDE
from olsrepro.evaluation.detection.settings import Settings as DetectionEvaluation
from olsrepro.evaluation.ensemble.average import ensemble_mean
from olsrepro.evaluation.ensemble.settings import Settings as Ensemble
from olsrepro.experiments.plan import CHEAPER
from olsrepro.experiments.render.caption import PRESET_WORDS
from olsrepro.models.registry import families, settings_class
from olsrepro.models.yolo_mobilenet.settings import Settings as YoloMobileNet
from olsrepro.training.detection.settings import DetectionRecipe
from olsrepro.training.recipe import RecipeSettings
from olsrepro.training.runtime import RuntimeSettings

README = (CONFIGS.parent / "README.md").read_text()
PRESETS = {path.stem: stated_in(f"preset/{path.name}") for path in (CONFIGS / "preset").glob("*.yaml")}
OTHER_IMAGES = {"flowers": FLOWERS_TRAIN_SIZES["trnid+valid"] - FLOWERS_TRAIN_SIZES["trnid"]}
"""Images that archives hold beside those of a data set's training and test."""
COUNTED = [
    (source.name, packaging)
    for source in SOURCES.values()
    for packaging in source.packagings
    if source.name != "voc"  # its archives of 2012 hold the images of other tasks too
    and any(archive.images for archive in packaging)
]


def test_a_difference_is_told_with_its_key_both_values_and_both_files() -> None:
    with pytest.raises(AssertionError) as failed:
        assert_same(Stated("one.yaml", {"lr": 0.1, "eps": 1, "k": 2}), Stated("other.py", {"lr": 0.2, "eps": 1}))
    assert str(failed.value).splitlines()[:2] == [
        "lr is 0.1 in one.yaml and 0.2 in other.py",
        "k is 2 in one.yaml and absent in other.py",
    ]


def test_the_same_values_in_another_order_are_the_same() -> None:
    assert_same(Stated("one.yaml", {"a": 1, "b": 2}), Stated("other.py", {"b": 2, "a": 1}))


# Recipe and augmentation


def test_images_are_changed_as_the_default_recipe_does() -> None:
    augment = defaults_of(AugmentSettings)
    assert_same(augment, defaults_of(RecipeSettings).only(augment.values))


def test_a_detectors_images_are_changed_as_its_default_recipe_does() -> None:
    same = ("mixup", "mixup_alpha", "size_every", "crop_sides")
    names = {"crop_chance": "crop", "translate_chance": "translate"} | {key: key for key in same}
    assert_same(defaults_of(DetectionAugment).only(names.values()), defaults_of(DetectionRecipe).renamed(names))


def test_every_crop_is_one_of_some_data_set() -> None:
    assert {crop for kind in (DatasetSettings, *SETTINGS.values()) for crop in kind.crops} == set(CROPS)


# Data sets


@pytest.mark.parametrize(("name", "archives"), COUNTED)
def test_the_archives_of_a_data_set_hold_its_images(name: str, archives: tuple[Archive, ...]) -> None:
    source, counts = SOURCES[name], [count for archive in archives for _, count in archive.images]
    assert sum(counts) == source.train_size + source.test_size + OTHER_IMAGES.get(name, 0)


@pytest.mark.parametrize("label_file", LABEL_FILES.values(), ids=lambda item: item.name)
def test_a_file_of_labels_fits_its_data_set(label_file: Any) -> None:
    keys = ("num_classes", "test_size")
    own = Stated("olsrepro/data/download/manifest.py", {key: getattr(label_file, key) for key in keys})
    assert_same(own, stated_in(f"dataset/{label_file.dataset}.yaml").only(keys))


def test_a_detector_is_counted_and_measured_on_images_of_voc() -> None:
    voc = stated_in("dataset/voc.yaml")
    facts = {"image_size": YoloMobileNet.counted_at, "num_classes": YoloMobileNet.counted_classes}
    assert_same(Stated(file_of(YoloMobileNet), facts), voc.only(facts))
    assert_same(Stated(file_of(DetectionEvaluation), {"image_size": OWN_SIDE}), voc.only(["image_size"]))
    assert_same(
        defaults_of(DetectionAugment).only(["sizes"]),
        Stated(voc.file, {"sizes": (voc.values["image_size"],)}),
    )


def test_backbones_of_photographs_are_counted_on_images_of_imagenet() -> None:
    kinds = [settings_class(family) for family in families()]
    counted = [kind for kind in kinds if kind.task == "classification" and kind.counted_at > 32]
    for kind in counted:
        facts = Stated(file_of(kind), {"image_size": kind.counted_at})
        assert_same(facts, stated_in("dataset/imagenet.yaml").only(facts.values))
    assert len(counted) == 4


def test_sides_of_a_detectors_images_are_multiples_of_its_coarsest_stride() -> None:
    known = Stated("olsrepro/detection/anchors.py", {"stride": max(STRIDES)})
    assert_same(known, Stated(file_of(DetectionAugment), {"stride": STRIDE}))
    assert_same(known, Stated(file_of(YoloMobileNet), {"stride": YoloMobileNet.side_multiple}))


# Evaluations


def test_ensembles_are_of_the_epochs_that_a_run_keeps_sums_of() -> None:
    kept = defaults_of(RuntimeSettings).renamed({"ensemble_grid": "grid"})
    assert_same(kept, defaults_of(Ensemble).only(["grid"]))


@pytest.mark.parametrize(
    ("function", "settings", "names"),
    [
        (ensemble_mean, Ensemble, {"average": "average"}),
        (average_precision, DetectionEvaluation, {"rule": "rule"}),
        (mean_average_precision, DetectionEvaluation, {"rule": "rule", "iou": "least_iou"}),
        (match, DetectionEvaluation, {"iou": "least_iou"}),
    ],
)
def test_a_measure_defaults_to_what_its_evaluation_does(function: Any, settings: Any, names: dict[str, str]) -> None:
    assert_same(arguments_of(function), defaults_of(settings).renamed(names))


# Folders and presets


def test_data_lies_where_a_run_looks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ROOT_VARIABLE)
    found = Stated(file_of(default_root), {"data_dir": str(default_root())})
    assert_same(found, defaults_of(RuntimeSettings).only(found.values))


@pytest.mark.parametrize(("variable", "key"), [(ROOT_VARIABLE, "data_dir"), ("OLSREPRO_RUNS", "runs_dir")])
def test_the_help_and_the_readme_name_the_folders(variable: str, key: str) -> None:
    folder = f"./{defaults_of(RuntimeSettings).values[key]}"
    assert re.search(rf"{variable} .*\(default {folder}\)", main.EPILOG)
    assert f"`{variable}` (default `{folder}`)" in README


def test_every_preset_has_its_words_and_its_cheaper_ones() -> None:
    assert PRESETS.keys() == CHEAPER.keys() | {name for cheaper in CHEAPER.values() for name in cheaper}
    assert PRESET_WORDS.keys() == PRESETS.keys() - {"paper"} | {CUSTOM}


def test_the_help_and_the_readme_say_how_long_a_preset_is() -> None:
    epochs = {name: preset.values["recipe"]["epochs"] for name, preset in PRESETS.items() if "recipe" in preset.values}
    assert f"short ({epochs['short']} epochs)" in train.EPILOG
    assert f"`short`: {epochs['short']} epochs" in README
    assert f"`mini`: {epochs['mini']} epochs at half width" in README
    assert PRESETS["mini"].values["backbone"] == {"width": 0.5}


def test_the_help_says_what_a_run_is_by_default() -> None:
    root = stated_in("config.yaml").values
    chosen = {key: value for item in root["defaults"] if item != "_self_" for key, value in item.items()}
    words = "{dataset}, {backbone}, {method}, preset {preset}".format(**chosen)
    assert f"{words}, seed {root['seed']}" in " ".join(train.DESCRIPTION.split())
    assert f" {words}: seconds" in main.EPILOG
    assert f"# {words}: seconds" in README
