"""Tiny CIFAR files in torchvision's layout, and a manifest that has their sums."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from olsrepro.data.download.manifest import SOURCES

LAYOUT = {
    "cifar10": ([f"data_batch_{i}" for i in range(1, 6)], ["test_batch"], "batches.meta", "labels", "label_names"),
    "cifar100": (["train"], ["test"], "meta", "fine_labels", "fine_label_names"),
}
PER_FILE = 20


def entries(name: str) -> dict[str, dict[str, Any]]:
    """What each file of a set holds."""
    train, test, meta, targets, names = LAYOUT[name]
    classes = SOURCES[name].num_classes
    rng = np.random.default_rng(0)
    parts: dict[str, dict[str, Any]] = {
        file: {
            "data": rng.integers(0, 256, (PER_FILE, 3072), dtype=np.uint8),
            targets: rng.integers(0, classes, PER_FILE).tolist(),
            "filenames": ["a.png"] * PER_FILE,
        }
        for file in train + test
    }
    return parts | {meta: {names: [f"class {i}" for i in range(classes)]}}


def write(root: Path, name: str, protocol: int = 4) -> dict[str, dict[str, Any]]:
    """Write a tiny set below ``root`` and return its entries."""
    folder = root / SOURCES[name].folder
    folder.mkdir(parents=True)
    content = entries(name)
    for file, entry in content.items():
        (folder / file).write_bytes(pickle.dumps(entry, protocol=protocol))
    return content


def trust(monkeypatch: pytest.MonkeyPatch, root: Path, name: str, **changes: Any) -> None:
    """Let the manifest have the sums of the files that are there."""
    source = SOURCES[name]
    sums = tuple((f, hashlib.md5((root / source.folder / f).read_bytes()).hexdigest()) for f, _ in source.files)
    monkeypatch.setitem(SOURCES, name, replace(source, files=sums, **changes))
