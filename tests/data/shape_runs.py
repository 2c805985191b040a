"""Tiny runs of a thin detector on a few drawn shapes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from quick_composer import composed

from olsrepro.config.run_config import RunConfig

SMALL = [
    "dataset=shapes@voc",
    "dataset.input_size=64",
    "backbone=yolo_mobilenetv2",
    "backbone.width=0.125",
    "backbone.depth_factor=0.34",
    "method=hard",
    "recipe.epochs=2",
    "recipe.batch_size=6",
    "recipe.lr=0.01",
    "runtime.device=cpu",
    "runtime.threads=1",
    "runtime.workers=0",
    "runtime.checkpoint_steps=1",
    "runtime.tensorboard=false",
]
TRAIN, TEST, STEPS_PER_EPOCH = 22, 8, 4  # images; the last batch of an epoch has 4


def shape_run(data: Path, runs: Path, *lines: str) -> RunConfig:
    """A run on so few shapes, which are drawn below ``data`` when they are first read."""
    typed = [line.partition("=")[0] for line in lines]
    small = [line for line in SMALL if line.partition("=")[0] not in typed]
    config = composed(*small, *lines, f"runtime.data_dir={data}", f"runtime.runs_dir={runs}")
    return replace(config, dataset=replace(config.dataset, train_size=TRAIN, test_size=TEST))
