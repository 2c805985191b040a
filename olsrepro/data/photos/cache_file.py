"""A file of uint8 images of one size, mapped into memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class PixelFile:
    """Images of ``shape`` (N, 3, H, W), one after another in a file; workers are sent its name, not its bytes."""

    path: Path
    shape: tuple[int, int, int, int]

    @property
    def size(self) -> int:
        """Size in bytes."""
        return math.prod(self.shape)

    @property
    def is_whole(self) -> bool:
        """Whether the file is there with all its bytes."""
        return self.path.is_file() and self.path.stat().st_size == self.size

    @property
    def pixels(self) -> npt.NDArray[np.uint8]:
        """Images, read from the disk when they are accessed; not to be written."""
        return _mapped(self.path, self.shape)


@lru_cache(maxsize=8)
def _mapped(path: Path, shape: tuple[int, int, int, int]) -> npt.NDArray[np.uint8]:
    return np.asarray(np.memmap(path, dtype=np.uint8, mode="r", shape=shape))
