"""The file that a worker is reading, left in shared memory, so that a worker's sudden end can be told with a name."""

from __future__ import annotations

import os

import torch
from torch import Tensor

PATH_BYTES = 4096
_notice: Tensor | None = None  # in a worker: where it tells what it reads


def blank(workers: int) -> Tensor:
    """Notices of so many workers, uint8 (workers, bytes), in memory that processes share."""
    notices: Tensor = torch.zeros(workers, PATH_BYTES, dtype=torch.uint8)
    return notices.share_memory_()  # type: ignore[no-any-return,no-untyped-call]


def leave_in(notice: Tensor) -> None:
    """Have this process leave its notices in one row of them."""
    global _notice
    _notice = notice


def reading(path: str) -> None:
    """Leave word of the file that this process is about to read."""
    if _notice is not None:
        text = f"{os.getpid()} {path}".encode("utf-8", "surrogateescape")[: PATH_BYTES - 1] + b"\0"
        _notice[: len(text)] = torch.frombuffer(bytearray(text), dtype=torch.uint8)


def text_of(notice: Tensor) -> str:
    """Read a notice: the id of the process, a blank, the path; empty where none was left."""
    return bytes(notice.tolist()).partition(b"\0")[0].decode("utf-8", "replace")
