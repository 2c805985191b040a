"""Files of a finished run, checked against its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from olsrepro.files.checksum import sha256
from olsrepro.settings import UserError
from olsrepro.store.record import Record
from olsrepro.training import checkpoint


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

    def tensors(self, name: str, *keys: str) -> dict[str, Tensor]:
        """Load some tensors of a file; :class:`UserError` where it can't be read, or lacks one."""
        with self.reading(name) as path:
            found = load_file(path)
            return {key: found[key] for key in keys}

    def weights(self, name: str) -> Mapping[str, Tensor]:
        """Load the weights in a file; :class:`UserError` where it can't be read, or has none."""
        with self.reading(name) as path:
            return dict(checkpoint.load(path)["weights"])

    def fill(self, network: nn.Module, name: str, weights: Mapping[str, Tensor]) -> None:
        """Fill a network with the weights in a file; :class:`UserError` where they are another network's."""
        try:
            network.load_state_dict(weights)
        except (RuntimeError, TypeError, AttributeError) as error:
            raise self._unreadable(name, error) from None

    @contextmanager
    def reading(self, name: str) -> Iterator[Path]:
        """Yield the path of a file; what its reader raises because of its content becomes a :class:`UserError`."""
        path = self.named(name)
        try:
            yield path
        except (SafetensorError, checkpoint.CorruptCheckpoint, OSError, LookupError, TypeError, ValueError) as error:
            raise self._unreadable(name, error) from None

    def _unreadable(self, name: str, error: Exception) -> UserError:
        return UserError(f"{self._folder / name} can't be read ({_reason(error)}); --fresh trains the run again")

    def named(self, name: str) -> Path:
        """Return the path of a file of the run; :class:`UserError` if it is gone, or is not as the record says."""
        if name in self._record["files"]:
            return self.checked(name)
        if not (self._folder / name).is_file():
            raise UserError(f"{self._folder / name} is gone; --fresh trains the run again")
        return self._folder / name


def _reason(error: Exception) -> str:
    if isinstance(error, SafetensorError):
        return "it is damaged"
    return f"it lacks {error}" if isinstance(error, KeyError) else next(iter(str(error).splitlines()), "")
