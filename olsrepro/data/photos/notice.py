"""Notices in shared memory of the file that each worker is reading, so that the error for a dead one can name it."""

from __future__ import annotations

import os

import torch
from torch import Tensor

PATH_BYTES = 4096
_notice: Tensor | None = None  # in a worker: where it notes what it reads


def blank(workers: int) -> Tensor:
    """Allocate notices for ``workers`` workers, uint8 (workers, bytes), in memory that processes share."""
    notices: Tensor = torch.zeros(workers, PATH_BYTES, dtype=torch.uint8)
    return notices.share_memory_()  # type: ignore[no-any-return,no-untyped-call]


def leave_in(notice: Tensor) -> None:
    """Make this process leave its notices in ``notice``, one row of them."""
    global _notice
    _notice = notice


def reading(path: str) -> None:
    """Leave a notice of the file that this process is about to read."""
    if _notice is not None:
        text = f"{os.getpid()} {path}".encode("utf-8", "surrogateescape")[: PATH_BYTES - 1] + b"\0"
        _notice[: len(text)] = torch.frombuffer(bytearray(text), dtype=torch.uint8)


def text_of(notice: Tensor) -> str:
    """Read a notice: the id of the process, a space, the path; empty where none was left."""
    return bytes(notice.tolist()).partition(b"\0")[0].decode("utf-8", "replace")
