"""What a run is said to cost: counted by hand for one config, and measured from runs alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from written_records import PROCESS, failed_run, finished_run, measurement, put_record

from olsrepro.config.compose import compose_run
from olsrepro.config.run_config import RunConfig
from olsrepro.store.cost import Cost, Speed, estimate, measured_speeds, speeds_of
from olsrepro.store.facts import facts_folder, facts_id
from olsrepro.store.folder import Store
from olsrepro.store.record import FAILED, FINISHED, NAME

PARAMS, MACS = 83_892, 12_507_392  # configs/backbone/resnet8.yaml
SCALE = 0.125**2 * 0.34  # of weights and multiply-adds, by width and depth factor: configs/preset/smoke.yaml
TRAIN, TEST, CLASSES = 1437, 360, 10  # configs/dataset/digits.yaml


@pytest.fixture(scope="module")
def composed() -> RunConfig:
    return compose_run(["dataset=digits", "backbone=resnet8", "method=hard", "preset=smoke"])


@pytest.fixture
def config(composed: RunConfig, tmp_path: Path) -> RunConfig:
    """Four epochs of a ResNet-8 on 8 x 8 pixels, scaled as preset smoke says; its store is empty."""
    return replace(composed, runtime=replace(composed.runtime, runs_dir=str(tmp_path)))


def finished(config: RunConfig, name: str, speed: float, device: str = "cpu: a processor", **changes: Any) -> None:
    """A record in the config's store."""
    record = finished_run(name, config, training={"images_per_s": speed, "device": device})
    put_record(Path(config.runtime.runs_dir) / name, record | changes)


def costs(config: RunConfig) -> Cost:
    """The estimate by the speeds of the config's own store."""
    return estimate(config, measured_speeds(Store(Path(config.runtime.runs_dir))))


def test_a_run_is_counted_in_images_and_multiply_adds(config: RunConfig) -> None:
    cost = costs(config)
    assert (cost.training_images, cost.test_images) == (4 * TRAIN, 4 * TEST)
    a_pass = MACS / 16 * SCALE  # a quarter of the side
    assert cost.macs == pytest.approx((3 * 4 * TRAIN + 4 * TEST) * a_pass, rel=1e-12)


def test_the_disk_holds_two_weights_two_checkpoints_and_the_logits(config: RunConfig) -> None:
    weights = PARAMS * SCALE * 4
    assert costs(config).disk_bytes == pytest.approx(6 * weights + 2 * TEST * CLASSES * 4)


def test_a_network_that_no_config_counts_has_no_known_cost(config: RunConfig) -> None:
    unknown = replace(config, backbone=replace(config.backbone, params=0, macs=0))
    cost = costs(unknown)
    assert cost.macs is None
    assert cost.disk_bytes is None
    lines = list(cost.lines())
    assert "unknown (no config counts this network)" in lines[0]
    assert not any(line.startswith("disk") for line in lines)


def test_the_speed_is_unknown_in_an_empty_store_and_in_none(config: RunConfig, tmp_path: Path) -> None:
    assert costs(config).images_per_s is None
    nowhere = replace(config, runtime=replace(config.runtime, runs_dir=str(tmp_path / "missing")))
    assert costs(nowhere).images_per_s is None
    assert list(costs(config).lines())[-1].startswith("time: unknown")


def test_the_speed_is_the_median_of_finished_runs_of_the_same_network_on_the_same_images(config: RunConfig) -> None:
    finished(config, "a-s0", 100.0)
    finished(replace(config, seed=5, recipe=replace(config.recipe, epochs=9)), "b-s5", 900.0)
    finished(config, "c-s0", 300.0)
    put_record(Path(config.runtime.runs_dir) / "d-s0", failed_run("d-s0", config))
    finished(replace(config, backbone=replace(config.backbone, width=1.0)), "e-s0", 1e6)
    finished(replace(config, dataset=replace(config.dataset, name="other")), "f-s0", 1e6)
    cost = costs(config)
    assert cost.images_per_s == 300.0
    hours = 4 * TRAIN / 300 / 3600
    assert (
        list(cost.lines())[-1]
        == f"time: about {hours:.2g} h of training at 300 images/s, as measured on cpu: a processor"
    )


def test_what_is_no_record_is_passed_over(config: RunConfig) -> None:
    root = Path(config.runtime.runs_dir)
    (root / "notes-summary.txt").write_text("a file whose name looks like a run's")
    (root / "empty-s0").mkdir()
    (root / "torn-s0").mkdir()
    (root / "torn-s0" / NAME).write_text("{")
    finished(config, "a-s0", 100.0)
    assert costs(config).images_per_s == 100.0


def test_the_lines_tell_the_numbers(config: RunConfig) -> None:
    cost, disk = list(costs(config).lines())[:2]
    assert cost == f"cost: 5,748 training images, 1,440 test images, {costs(config).macs:.3g} multiply-adds"
    assert disk == f"disk: about {costs(config).disk_bytes / 1e6:.1f} MB"


def test_label_tables_are_counted_where_there_are_any(config: RunConfig) -> None:
    with_tables = compose_run(["dataset=digits", "backbone=resnet8", "method=ols", "preset=smoke"])
    assert costs(with_tables).disk_bytes - costs(config).disk_bytes == 4 * CLASSES**2 * 4


def test_only_the_speeds_of_the_device_that_most_runs_had_count(config: RunConfig) -> None:
    finished(config, "a-s0", 9000.0, device="cuda: a card")
    finished(config, "b-s0", 100.0)
    finished(config, "c-s0", 200.0)
    cost = costs(config)
    assert (cost.images_per_s, cost.measured_on) == (150.0, "cpu: a processor")


def test_speeds_are_measured_once_for_many_runs(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = replace(config, backbone=replace(config.backbone, width=1.0))
    finished(config, "a-s0", 100.0)
    finished(wide, "b-s0", 40.0)
    speeds = measured_speeds(Store(Path(config.runtime.runs_dir)))
    monkeypatch.setattr(Store, "records", lambda store: pytest.fail("the store was read again"))
    other = replace(config, seed=3, method=compose_run(["method=ols"]).method)
    told = [estimate(run, speeds).images_per_s for run in (config, wide, other)]
    assert told == [100.0, 40.0, 100.0]


def test_a_speed_in_another_precision_is_another_speed(config: RunConfig) -> None:
    in_bf16 = replace(config, recipe=replace(config.recipe, precision="bf16"))
    finished(in_bf16, "a-s0", 100.0)
    assert costs(config).images_per_s is None
    assert costs(in_bf16).images_per_s == 100.0


def timed(config: RunConfig, speed: float) -> None:
    """A record of timed steps in the config's store."""
    folder = facts_folder(Path(config.runtime.runs_dir), facts_id("speed", config))
    history = [{**PROCESS, "device": "cpu: a processor"}]
    put_record(folder, measurement(folder.name, images_per_s=speed) | {"history": history})


def test_steps_that_were_timed_give_the_hours_of_every_run_of_the_network_by_passes_and_are_told(
    config: RunConfig,
) -> None:
    timed(config, 40.0)
    elsewhere = replace(config, dataset=replace(config.dataset, name="other"))
    two_passes = replace(config, method=compose_run(["method=ddgsd"]).method)
    assert two_passes.method.passes == 2
    assert [costs(run).images_per_s for run in (config, elsewhere, two_passes)] == [40.0, 40.0, 20.0]
    larger = replace(config, dataset=replace(config.dataset, image_size=16))
    assert costs(larger).images_per_s is None
    hours = 4 * TRAIN / 40 / 3600
    told = f"time: ~{hours:.2g} h of training at 40 images/s, timed on cpu: a processor, loader not included"
    assert list(costs(config).lines())[-1] == told


def test_the_speed_of_a_run_wins_over_that_of_steps(config: RunConfig) -> None:
    timed(config, 40.0)
    finished(config, "a-s0", 25.0)
    cost = costs(config)
    assert (cost.images_per_s, cost.of_steps) == (25.0, False)
    assert "loader not included" not in list(cost.lines())[-1]


def test_a_damaged_record_of_timed_steps_is_passed_over(config: RunConfig) -> None:
    timed(config, 40.0)
    (facts_folder(Path(config.runtime.runs_dir), facts_id("speed", config)) / NAME).write_text("{")
    assert costs(config).images_per_s is None


def test_speeds_come_from_records_wherever_they_lie(config: RunConfig) -> None:
    record = {"status": FINISHED, "config": config.as_dict(), "training": {"images_per_s": 7.0, "device": "cpu: here"}}
    failed = {"status": FAILED, "config": config.as_dict(), "error": {}}
    assert list(speeds_of([record, failed]).values()) == [Speed(7.0, "cpu: here")]
    assert speeds_of([]) == {}


@pytest.fixture(scope="module")
def detector() -> RunConfig:
    return compose_run(["dataset=voc", "backbone=yolo_mobilenetv2", "preset=paper", "method=hard"])


def test_a_detector_is_trained_on_the_mean_of_its_sizes_and_tested_at_the_data_sets(detector: RunConfig) -> None:
    cost = estimate(detector, {})
    # Spec: 11.2 G multiply-adds over the ten training sizes, 8.660 G at 416 pixels.
    assert cost.macs == pytest.approx(120 * (3 * 16_551 * 11.2e9 + 4952 * 8.660e9), rel=1e-3)
    one_size = replace(detector, recipe=replace(detector.recipe, sizes=[]))
    assert estimate(one_size, {}).macs == pytest.approx(120 * (3 * 16_551 + 4952) * 8_660_111_616, rel=1e-12)


def test_a_detectors_disk_holds_a_hundred_boxes_of_each_test_image(detector: RunConfig) -> None:
    weights, boxes = 46_342_881 * 4, 4952 * 100 * (4 * 4 + 4 + 8)
    assert estimate(detector, {}).disk_bytes == pytest.approx(6 * weights + 2 * boxes)
    table = replace(detector, method=compose_run(["method=ols"]).method)
    assert estimate(table, {}).disk_bytes == pytest.approx(6 * weights + 2 * boxes + 120 * 20 * 20 * 4)


def test_a_run_of_other_training_sizes_is_not_alike(detector: RunConfig, tmp_path: Path) -> None:
    config = replace(detector, runtime=replace(detector.runtime, runs_dir=str(tmp_path)))
    finished(config, "a-s0", 30.0)
    assert costs(config).images_per_s == 30.0
    assert costs(replace(config, recipe=replace(config.recipe, sizes=[416]))).images_per_s is None
