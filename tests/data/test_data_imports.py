"""What planning and ``olsrepro data`` import loads no torch."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["settings", "download.manifest", "download.fetch", "registry"])
def test_module_loads_no_torch(module: str) -> None:
    heavy = ("torch", "sklearn", "torchvision", "scipy")
    code = f"import sys, olsrepro.data.{module}; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_names_are_listed_without_torch() -> None:
    code = (
        "import sys; from olsrepro.data.registry import dataset_names; print(*dataset_names(), 'torch' in sys.modules)"
    )
    *names, loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert {"cifar10", "cifar100", "digits"} <= set(names)
    assert loaded == "False"
