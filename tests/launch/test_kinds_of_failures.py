"""A failure is recorded as what it is."""

from __future__ import annotations

import pytest
import torch

from olsrepro.launch.records import _kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1"),
            "out of memory",
        ),
        (RuntimeError("can't start new thread"), "out of memory"),
        (MemoryError(), "out of memory"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "crash"),
    ],
    ids=["allocator", "thread", "python", "other"],
)
def test_a_lack_of_memory_is_told_by_what_it_is(error: Exception, kind: str) -> None:
    assert _kind(error) == kind


def test_torchs_own_allocator_lacks_memory() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60, dtype=torch.uint8)
    assert _kind(raised.value) == "out of memory"
