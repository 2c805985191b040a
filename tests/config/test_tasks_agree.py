"""A detector trains on boxes, a classifier on classes; anything else is refused when it is composed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest
from user_folder import refusal, write

from olsrepro.config.compose import compose_run
from olsrepro.config.validate import validate
from olsrepro.data.settings import DatasetSettings
from olsrepro.models.yolo_mobilenet.settings import Settings as YoloMobileNet
from olsrepro.settings import UserError


@dataclass(frozen=True)
class Boxes(DatasetSettings):
    """A data set of objects, at no side that its crops would not take."""

    task: ClassVar[str] = "detection"
    name: str = "crates"
    num_classes: int = 3
    train_size: int = 256
    test_size: int = 8
    image_size: int = 64


def test_a_detector_on_a_data_set_of_single_labels_is_refused() -> None:
    with pytest.raises(
        UserError,
        match=r"^backbone=yolo_mobilenetv2 detects objects, but dataset=cifar10 has one label per image: choose a"
        r" backbone that classifies, such as resnet56, or dataset=voc$",
    ):
        compose_run(["dataset=cifar10", "backbone=yolo_mobilenetv2"])


def test_a_classifier_on_a_data_set_of_objects_is_refused() -> None:
    with pytest.raises(
        UserError,
        match=r"^backbone=resnet20 classifies images, but dataset=crates has boxes of objects: choose"
        r" backbone=yolo_mobilenetv2, or a data set with one label per image, such as cifar100$",
    ):
        validate(replace(compose_run(["backbone=resnet20"]), dataset=Boxes()))


def test_a_recipe_of_a_misspelt_task_is_refused_with_the_nearest(tmp_path: Path) -> None:
    folder = write(tmp_path, {"recipe/mine.yaml": "defaults:\n  - cifar\n\ntask: clasification\n"})
    message = refusal(["dataset=cifar10", "recipe=mine"], folder)
    assert message == "recipe.task=clasification is not known; did you mean classification?"


@pytest.mark.parametrize(
    ("side", "words"),
    [
        (24, r"of at least 32 pixels; dataset=crates has 24"),
        (
            100,
            r"whose side is a multiple of 32 pixels; dataset=crates has 100: set dataset.input_size=96 or 128$",
        ),
    ],
)
def test_a_detector_is_refused_a_side_that_its_strides_do_not_divide(side: int, words: str) -> None:
    config = replace(compose_run([]), dataset=Boxes(image_size=side), backbone=YoloMobileNet())
    with pytest.raises(UserError, match=rf"^backbone=yolo_mobilenetv2 needs images {words}"):
        validate(config)
