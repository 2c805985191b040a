"""Files of a finished run, checked against its record."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from olsrepro.files.checksum import sha256
from olsrepro.settings import UserError
from olsrepro.store.record import Record


class RunFiles:
    """Files in the folder of a finished run."""

    def __init__(self, folder: Path, record: Record) -> None:
        self._folder = folder
        self._record = record

    def checked(self, name: str) -> Path:
        """Return the path of a file if its checksum is the one in the record; :class:`UserError` otherwise."""
        path, named = self._folder / name, self._record["files"].get(name)
        if named is None or not path.is_file() or sha256(path) != named:
            raise UserError(f"{path} is gone or is not the file that its record names; --fresh trains the run again")
        return path

    def tensors(self, name: str) -> dict[str, Tensor]:
        """Load the tensors in a file; :class:`UserError` where it can't be read."""
        path = self.named(name)
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path} can't be read ({error}); --fresh trains the run again") from None

    def named(self, name: str) -> Path:
        """Return the path of a file of the run; :class:`UserError` if it is gone, or is not as the record says."""
        if name in self._record["files"]:
            return self.checked(name)
        if not (self._folder / name).is_file():
            raise UserError(f"{self._folder / name} is gone; --fresh trains the run again")
        return self._folder / name
