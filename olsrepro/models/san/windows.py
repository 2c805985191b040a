"""Windows of k x k around every position of a map, reflected at its edges."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor


def reflect_pad(features: Tensor, margin: int) -> Tensor:
    """Pad ``(..., H, W)`` to ``(..., H + 2 margin, W + 2 margin)`` without repeating the edge; ``H, W > margin``.

    Values are those of ``F.pad(mode="reflect")``, whose backward pass on CUDA adds in no fixed order; slices do.
    """
    return _reflect_along(_reflect_along(features, margin, -1), margin, -2)


def _reflect_along(features: Tensor, margin: int, dim: int) -> Tensor:
    size = features.shape[dim]
    if size <= margin:
        raise ValueError(f"a map of side {size} cannot reflect {margin} pixels: it must have at least {margin + 1}")
    before = features.narrow(dim, 1, margin).flip(dim)
    after = features.narrow(dim, size - 1 - margin, margin).flip(dim)
    return torch.cat([before, features, after], dim)


def unfolded(features: Tensor, kernel: int) -> Tensor:
    """Copy every window: ``(B, C, H, W) -> (B, C, k^2, H W)``, a window read row by row."""
    windows = F.unfold(reflect_pad(features, kernel // 2), kernel)
    return windows.view(len(features), -1, kernel * kernel, windows.shape[-1])


def shifted(padded: Tensor, kernel: int) -> Iterator[Tensor]:
    """Yield for each of the k^2 offsets in a window, row by row, the view ``(..., H, W)`` of a padded map, uncopied."""
    height, width = padded.shape[-2] - kernel + 1, padded.shape[-1] - kernel + 1
    for offset in range(kernel * kernel):
        yield padded.narrow(-2, offset // kernel, height).narrow(-1, offset % kernel, width)
