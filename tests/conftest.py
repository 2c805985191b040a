"""What all tests share: one thread, no deadline, no environment of the machine's own, where the CIFAR files are."""

from __future__ import annotations

import os
import sys
from multiprocessing.forkserver import ensure_running
from pathlib import Path

import pytest
from hypothesis import settings

# Tests and the processes that they start share few cores, where threads would wait on each other.
os.environ["OMP_NUM_THREADS"] = "1"

import torch

torch.set_num_threads(1)

# On a busy machine any example may take longer than hypothesis allows.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

REAL_DATA = os.environ.get("OLSREPRO_DATA")


def pytest_collection_finish() -> None:
    """Start the warm server of ``processes``, before a loader of photographs starts one that has loaded less."""
    if "processes" in sys.modules:
        ensure_running()


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has its own data and run folders, so that nothing is read from or left in the machine's."""
    monkeypatch.setenv("OLSREPRO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("OLSREPRO_RUNS", str(tmp_path / "runs"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real CIFAR files, named by OLSREPRO_DATA; skips by name without them."""
    folder = Path(REAL_DATA or "no such folder")
    if not (folder / "cifar-100-python" / "train").is_file():
        pytest.skip("the real CIFAR files: set OLSREPRO_DATA to the folder that holds cifar-100-python")
    return folder
