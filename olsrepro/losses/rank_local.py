"""Tensors of a module that belong to one rank of ``torch.distributed`` alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from torch import Tensor, nn


class RankLocal(nn.Module):
    """Module whose attributes :attr:`counted_apart` are tensors of this rank alone: moved, saved and loaded as buffers.

    They are no buffers otherwise: ``DistributedDataParallel`` overwrites those of every rank with the first one's
    before each forward pass, and FSDP's mixed precision casts them.
    """

    counted_apart: ClassVar[tuple[str, ...]] = ()
    """Names of the attributes."""

    @contextmanager
    def _as_buffers(self) -> Iterator[None]:
        for name in self.counted_apart:
            tensor = getattr(self, name)
            delattr(self, name)
            self._buffers[name] = tensor
        try:
            yield
        finally:
            for name in self.counted_apart:
                setattr(self, name, self._buffers.pop(name))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        with self._as_buffers():
            return super()._apply(fn, recurse)  # type: ignore[no-untyped-call]

    def _save_to_state_dict(self, *arguments: Any) -> None:
        with self._as_buffers():
            super()._save_to_state_dict(*arguments)

    def _load_from_state_dict(self, *arguments: Any) -> None:
        with self._as_buffers():
            super()._load_from_state_dict(*arguments)
