"""Memory that was freed is used again instead of being fetched from the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import torch
from olsrepro.training.memory import spare_page_faults

if sys.argv[1] == "kept":
    spare_page_faults()

def faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def steps() -> None:
    for _ in range(20):
        kept = [torch.ones(2**21) for _ in range(3)]
        del kept

steps()
before = faults()
steps()
print(faults() - before)
"""
PAGES = 20 * 3 * 2**21 * 4 // 4096


def counted(how: str) -> int:
    run = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is not glibc's")
def test_blocks_of_eight_megabytes_are_fetched_once_and_not_each_time() -> None:
    assert counted("kept") < PAGES / 20
