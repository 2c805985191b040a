"""The speed of networks that no run has shown yet: which are timed, how, and what the store has of it."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from olsrepro.config.compose import compose_run
from olsrepro.config.run_config import RunConfig
from olsrepro.launch.measuring import speed as timing
from olsrepro.launch.measuring.speed import Timed, bare_loss, batch_sizes, largest, stepper, time_networks, unknown
from olsrepro.models.registry import build_backbone, build_detector
from olsrepro.store.cost import Speed, estimate, measured_speeds
from olsrepro.store.facts import SPEED, facts_folder, facts_id, read_facts
from olsrepro.store.folder import Store

HERE, ELSEWHERE = "cpu: here", "cuda: a card"


def config(*lines: str) -> RunConfig:
    return compose_run(["dataset=digits", "backbone=resnet8", "backbone.width=0.25", "runtime.device=cpu", *lines])


def test_one_network_at_one_size_in_one_precision_is_timed_once() -> None:
    elsewhere = replace(config(), dataset=replace(config().dataset, name="other", num_classes=3))
    runs = [config(), config("method=ols", "seed=3"), config("recipe.batch_size=7"), elsewhere]
    others = [config("backbone.depth_factor=2"), config("recipe.precision=bf16")]
    bigger = replace(config(), dataset=replace(config().dataset, image_size=32))
    assert unknown([*runs, *others, bigger], {}, HERE) == [runs[0], *others, bigger]


def test_what_a_run_or_steps_on_this_device_have_shown_is_not_timed() -> None:
    def known(device: str) -> dict[str, Speed]:
        return {facts_id(SPEED, config()): Speed(10.0, device, of_steps=True)}

    assert unknown([config()], known(HERE), HERE) == []
    assert unknown([config()], known(ELSEWHERE), HERE) == [config()]


class Steps:
    """A clock and steps that take a millisecond an image, up to the batch that the memory holds."""

    def __init__(self, holds: int) -> None:
        self.now, self.holds, self.made = 0.0, holds, list[int]()

    def __call__(self, size: int) -> None:
        if size > self.holds:
            raise torch.OutOfMemoryError
        self.made.append(size)
        self.now += size / 1000 if len(self.made) > 1 else 100.0  # the first one is slow

    def clock(self) -> float:
        return self.now


def test_the_first_step_does_not_count_and_time_ends_the_others() -> None:
    steps = Steps(holds=8)
    assert largest(steps, [8], 0.02, steps.clock) == Timed(pytest.approx(1000.0), 8)
    assert steps.made == [8] * 4


def test_one_step_is_enough_where_it_takes_longer_than_there_is_time() -> None:
    steps = Steps(holds=8)
    assert largest(steps, [8], 0.001, steps.clock) == Timed(pytest.approx(1000.0), 8)
    assert steps.made == [8, 8]


def test_the_largest_batch_that_fits_counts() -> None:
    steps = Steps(holds=16)
    found = largest(steps, [4, 8, 16, 32, 64], 0.001, steps.clock)
    assert found is not None
    assert found.batch_size == 16
    assert max(steps.made) == 16


def test_a_network_that_does_not_fit_at_all_is_told() -> None:
    assert largest(Steps(holds=1), [4, 8], 0.001) is None


def test_batches_are_small_on_a_cpu_and_grow_to_the_recipes_on_a_gpu() -> None:
    assert batch_sizes(256, 224, "cpu") == [2]
    assert batch_sizes(128, 32, "cpu") == [98]
    assert batch_sizes(64, 8, "cpu") == [64]
    assert batch_sizes(50, 224, "cuda") == [2, 4, 8, 16, 32, 50]
    assert batch_sizes(1, 224, "cuda") == [2], "batch norm needs two images"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_step_goes_forward_and_back_and_through_sgd_without_moving_a_weight(precision: str) -> None:
    network = build_backbone(config().backbone, 10)
    before = {name: weight.clone() for name, weight in network.named_parameters()}
    stepper(config(f"recipe.precision={precision}"), network, torch.device("cpu"))(4)
    for name, weight in network.named_parameters():
        assert weight.grad is not None
        assert weight.grad.any()
        assert torch.equal(weight, before[name])


def test_a_timed_speed_is_left_in_the_store_and_the_next_plan_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "SECONDS", 0.01)
    run = config("method=byot", f"runtime.runs_dir={tmp_path}")
    said: list[str] = []
    time_networks([run, replace(run, seed=1)], {}, said.append)
    record = read_facts(facts_folder(tmp_path, facts_id(SPEED, run)))
    assert record is not None
    assert record["about"]["network"]["width"] == 0.25
    assert (record["about"]["image_size"], record["about"]["precision"]) == (8, "fp32")
    (line,) = said
    assert line.startswith("resnet8 at 8 x 8 pixels in fp32: ")
    speeds = measured_speeds(Store(tmp_path))
    cost = estimate(run, speeds)
    assert cost.images_per_s == pytest.approx(record["facts"]["images_per_s"] / run.method.passes)
    assert cost.of_steps
    assert cost.measured_on == record["history"][0]["device"]
    time_networks([run], speeds, said.append)
    assert len(said) == 1, "it is known now"


def test_planning_nothing_times_nothing() -> None:
    time_networks([], {}, pytest.fail)


DETECTOR = [
    "dataset=shapes@voc",
    "dataset.input_size=64",
    "backbone=yolo_mobilenetv2",
    "backbone.width=0.125",
    "backbone.depth_factor=0.34",
    "runtime.device=cpu",
]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_step_of_a_detector_reaches_every_weight_too(precision: str) -> None:
    run = compose_run([*DETECTOR, f"recipe.precision={precision}"])
    network = build_detector(run.backbone, 6)
    before = {name: weight.clone() for name, weight in network.named_parameters()}
    stepper(run, network, torch.device("cpu"))(2)
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.any(), name
        assert torch.equal(weight, before[name])


def test_what_a_step_goes_back_from_is_cross_entropy_of_logits_and_mean_squares_of_maps() -> None:
    assert float(bare_loss(torch.tensor([[1.0, 1.0, 1.0, 1.0]]))) == pytest.approx(math.log(4))
    assert float(bare_loss([torch.tensor([3.0, 1.0]), torch.tensor([[2.0]])])) == pytest.approx(5 + 4)


def test_a_detector_is_timed_at_the_side_of_its_data_set_and_slower_on_larger_training_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "SECONDS", 0.01)
    one = compose_run([*DETECTOR, f"runtime.runs_dir={tmp_path}"])
    larger = replace(one, recipe=replace(one.recipe, sizes=[64, 128]))
    said: list[str] = []
    time_networks([one, larger], {}, said.append)
    (line,) = said
    assert line.startswith("yolo_mobilenetv2 at 64 x 64 pixels in fp32: ")
    speeds = measured_speeds(Store(tmp_path))
    alone, both = (estimate(run, speeds).images_per_s for run in (one, larger))
    assert alone is not None
    assert both == pytest.approx(alone / ((1 + 4) / 2))
