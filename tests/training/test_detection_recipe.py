"""The recipe of a detector: its rates, its sizes, its presets, and what it refuses."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from quick_composer import composed

from olsrepro.settings import UserError
from olsrepro.store.identity import run_id
from olsrepro.training.detection.settings import DetectionRecipe
from olsrepro.training.detection.task import augment_of

VOC = ["dataset=voc", "backbone=yolo_mobilenetv2"]
SIZES = [320, 352, 384, 416, 448, 480, 512, 544, 576, 608]


def refusal(*lines: str) -> str:
    with pytest.raises(UserError) as caught:
        composed(*lines)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("position", "rate"),
    [
        (0, 0.0),
        (0.5, 0.25e-4),
        (1, 0.5e-4),
        (2, 1e-4),
        (61, 0.505e-4),  # half of the cosine: the mean of both ends
        (31.5, 1e-6 + 0.495e-4 * (1 + math.sqrt(0.5))),  # a quarter of it
        (90.5, 1e-6 + 0.495e-4 * (1 - math.sqrt(0.5))),
        (120, 1e-6),
    ],
)
def test_the_rate_rises_in_a_line_for_two_epochs_and_falls_by_half_a_cosine(position: float, rate: float) -> None:
    recipe = composed(*VOC, "preset=paper").recipe
    assert recipe.rate_at(position) == pytest.approx(rate, rel=1e-12, abs=1e-20)


def test_the_rate_never_jumps_and_falls_to_the_very_last_step() -> None:
    recipe = DetectionRecipe(epochs=5, lr=0.1, warmup_epochs=1.5, final_lr=0.01)
    rates = [recipe.rate_at(step / 100) for step in range(500)]
    assert max(abs(after - before) for before, after in pairwise(rates)) < 0.001
    assert rates.index(max(rates)) == 150
    assert rates[150:] == sorted(rates[150:], reverse=True)


def test_without_warm_up_the_first_step_has_the_whole_rate() -> None:
    assert DetectionRecipe(epochs=3, lr=0.1, warmup_epochs=0).rate_at(0) == pytest.approx(0.1)


def test_a_training_that_ends_within_its_warm_up_stays_on_the_line() -> None:
    recipe = DetectionRecipe(epochs=1, lr=0.1, warmup_epochs=2)
    assert recipe.rate_at(0.9) == pytest.approx(0.045)


def test_the_papers_recipe_is_that_of_its_preset() -> None:
    config = composed(*VOC, "preset=paper")
    recipe = config.recipe
    assert isinstance(recipe, DetectionRecipe)
    assert config.preset == "paper"
    assert (recipe.epochs, recipe.warmup_epochs, recipe.final_lr) == (120, 2.0, 1e-6)
    assert (recipe.sizes, config.dataset.image_size) == (SIZES, 416)


def test_a_short_training_keeps_its_warm_up_and_its_ends() -> None:
    config = composed(*VOC, "preset=short")
    recipe = config.recipe
    assert isinstance(recipe, DetectionRecipe)
    assert config.preset == "short"
    assert (recipe.epochs, recipe.warmup_epochs, recipe.milestones) == (30, 2.0, [])
    assert recipe.rate_at(2) == pytest.approx(1e-4)
    assert recipe.rate_at(16) == pytest.approx(0.505e-4)
    assert recipe.rate_at(30) == pytest.approx(1e-6)


def test_each_preset_has_its_own_run() -> None:
    presets = ("paper", "short", "mini", "smoke")
    configs = [composed(*VOC, f"preset={name}") for name in presets]
    assert tuple(config.preset for config in configs) == presets
    assert len({config.recipe.epochs for config in configs}) == 4


@pytest.mark.parametrize("dataset", ["voc", "shapes@voc"])
def test_ls_smooths_by_a_hundredth_where_objects_are_detected(dataset: str) -> None:
    config = composed(f"dataset={dataset}", "backbone=yolo_mobilenetv2", "method=ls")
    assert config.method.switches()["eps"] == 0.01


def test_ols_begins_with_hard_labels_where_objects_are_detected() -> None:
    assert composed(*VOC, "method=ols").method.switches()["initial_labels"] == "hard_only"


def test_images_have_the_recipes_sizes_or_the_data_sets() -> None:
    assert augment_of(DetectionRecipe(sizes=[64, 96], size_every=3), 128).sizes == (64, 96)
    assert augment_of(DetectionRecipe(), 128).sizes == (128,)
    assert augment_of(DetectionRecipe(sizes=[64, 96], size_every=3), 128).size_every == 3
    assert augment_of(DetectionRecipe(flip=False), 128).flip == 0


def test_a_training_image_has_the_mean_area_of_the_sizes() -> None:
    assert DetectionRecipe(sizes=[32, 64]).training_area(416) == (32**2 + 64**2) / 2
    assert DetectionRecipe().training_area(416) == 416**2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("method=byot", "method=byot labels images, but dataset=voc has objects"),
        ("noise=symmetric", "noise=symmetric is for labels of images, but dataset=voc has boxes; set noise=none"),
        ("runtime.ensemble_sizes=[2]", "runtime.ensemble_sizes=[2] is for classifiers; set runtime.ensemble_sizes=[]"),
        ("recipe=cifar", "this recipe is for classification, but dataset=voc is for detection: leave out recipe=…"),
        ("recipe.cutout=4", "recipe.cutout=4 has no effect on a detector's images; set cutout=0"),
        ("recipe.padding=4", "recipe.padding=4 has no effect on a detector's images; set padding=0"),
        (
            "recipe.milestones=[10]",
            "recipe.milestones=[10] has no effect: the rate follows a cosine; set milestones=[]",
        ),
        ("recipe.train_error=eval", "recipe.train_error=eval has no effect on a detector; set train_error=running"),
        ("recipe.sizes=[100]", "recipe.sizes=[100] must be multiples of 32 pixels"),
        ("recipe.sizes=[64,0]", "recipe.sizes=[64, 0] must be multiples of 32 pixels"),
        ("recipe.sizes=64", "recipe.sizes=64 must be a list of whole numbers"),
        ("recipe.size_every=0", "recipe.size_every=0 must be at least 1"),
        ("recipe.mixup=2", "recipe.mixup=2 must be in [0, 1]"),
        ("recipe.mixup_alpha=0", "recipe.mixup_alpha=0 must be above 0"),
        ("recipe.loss_scale=0", "recipe.loss_scale=0 must be above 0"),
        ("recipe.warmup_epochs=-1", "recipe.warmup_epochs=-1 must be at least 0"),
        ("recipe.ciou_alpha=author", "recipe.ciou_alpha=author is not known; did you mean authors?"),
        ("dataset.input_size=100", "backbone=yolo_mobilenetv2 needs images whose side is a multiple of 32 pixels"),
    ],
)
def test_what_a_detector_can_do_nothing_with_is_refused(line: str, message: str) -> None:
    noise = ["noise.rate=0.2"] if line.startswith("noise") else []
    assert refusal(*VOC, line, *noise).startswith(message)


def test_a_classifier_is_refused_a_detectors_recipe_and_its_keys() -> None:
    classifier = ["dataset=cifar10", "backbone=resnet20"]
    assert refusal(*classifier, "recipe=voc").startswith(
        "this recipe is for detection, but dataset=cifar10 is for class"
    )
    assert refusal(*classifier, "recipe.sizes=[320]").startswith("recipe.sizes=[320]: recipe has no sizes")


def test_the_released_counter_starts_each_epoch_at_an_eighth_of_those_before_it() -> None:
    whole, released = (
        DetectionRecipe(epochs=120, lr=1e-4),
        DetectionRecipe(epochs=120, lr=1e-4, step_counter="released"),
    )
    assert released.rate_at(0.5) == whole.rate_at(0.5)
    assert released.rate_at(80.25) == whole.rate_at(80 / 8 + 0.25)
    assert released.rate_at(119.99) > 0.9e-4 > 1e-6 * 2 > whole.rate_at(119.99)


def test_a_detector_trained_by_the_authors_gradient_of_alpha_is_another_run() -> None:
    lines = [*VOC, "method=hard", "preset=paper"]
    assert run_id(composed(*lines, "recipe.ciou_alpha=detached")) == run_id(composed(*lines))
    assert run_id(composed(*lines, "recipe.ciou_alpha=authors")) != run_id(composed(*lines))
