"""Tiny runs on photographs: a small network on a tiny set in the published layout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import photo_files
from quick_composer import composed

from olsrepro.config.run_config import RunConfig

SMALL = [
    "backbone=resnet8",
    "backbone.width=0.25",
    "dataset.input_size=32",
    "recipe.epochs=2",
    "recipe.batch_size=5",
    "recipe.pretrained=false",
    "runtime.device=cpu",
    "runtime.threads=1",
    "runtime.workers=0",
    "runtime.checkpoint_steps=1",
    "runtime.tensorboard=false",
]
TRAIN, TEST, STEPS_PER_EPOCH = 24, 9, 5  # images; the last batch of an epoch has 4
LEARNING = ["noise=symmetric", "noise.rate=0.3", "method=ols"]


def written(root: Path, *names: str) -> Path:
    """A folder with these sets in it, below ``root``."""
    for name in names:
        photo_files.write(
            root / "photographs", name, train=TRAIN // photo_files.CLASSES, test=TEST // photo_files.CLASSES
        )
    return root / "photographs"


def photo_run(name: str, data: Path, runs: Path, *lines: str, **method: Any) -> RunConfig:
    """A run on a set that :func:`written` made, which its facts are those of; ``method`` are fields of its own."""
    typed = [line.partition("=")[0] for line in lines]
    small = [line for line in SMALL if line.partition("=")[0] not in typed]
    places = [f"runtime.data_dir={data}", f"runtime.runs_dir={runs}"]
    config = composed(f"dataset={name}", *small, *lines, *places)
    facts = {"num_classes": photo_files.CLASSES, "train_size": TRAIN, "test_size": TEST}
    return replace(config, dataset=replace(config.dataset, **facts), method=replace(config.method, **method))
