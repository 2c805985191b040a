"""The files of a finished run, which must be what its record says."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from olsrepro.files.checksum import sha256
from olsrepro.settings import UserError
from olsrepro.store.record import Record


class RunFiles:
    """Files in a run's folder."""

    def __init__(self, folder: Path, record: Record) -> None:
        self._folder = folder
        self._record = record

    def checked(self, name: str) -> Path:
        """A file whose sum is the one that the record has; else :class:`UserError`."""
        path, named = self._folder / name, self._record["files"].get(name)
        if named is None or not path.is_file() or sha256(path) != named:
            raise UserError(f"{path} is gone or is not what its record names; --fresh trains the run anew")
        return path

    def tensors(self, name: str) -> dict[str, Tensor]:
        """What a file of tensors holds; :class:`UserError` where it can't be read."""
        path = self.named(name)
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path} can't be read ({error}); --fresh trains the run anew") from None

    def named(self, name: str) -> Path:
        """A file of the run; one whose sum the record has must have it still."""
        if name in self._record["files"]:
            return self.checked(name)
        if not (self._folder / name).is_file():
            raise UserError(f"{self._folder / name} is gone; --fresh trains the run anew")
        return self._folder / name
