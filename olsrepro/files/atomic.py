"""Files that exist in full or not at all: written under a temporary name, fsynced, renamed."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from olsrepro.settings import UserError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP)  # what some network file systems answer


class StorageError(UserError):
    """A file that could not be written (disk full, read-only, no permission); what was there before is unchanged."""


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a binary file to write: on leaving it is fsynced and renamed to ``path``, on an error nothing has changed.

    Raises:
        StorageError: the disk is full, or the folder can't be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text to a file atomically."""
    with replacing(path) as file:
        file.write(text.encode())


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a mapping as indented JSON atomically; keys keep their order, NaN is refused."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def keep_predecessor(path: Path, predecessor: Path) -> None:
    """Give the file at ``path``, if there is one, a second name, under which the old one survives a replacement.

    ``path`` itself is there at all times; on a file system without hard links the predecessor is a copy.
    """
    if not path.exists():
        return
    temporary = predecessor.with_name(f".{predecessor.name}.{os.getpid()}.part")
    try:
        temporary.unlink(missing_ok=True)
        _link_or_copy(path, temporary)
        os.replace(temporary, predecessor)
    except OSError as error:
        raise storage_error(predecessor, error) from error
    finally:
        with suppress(OSError):  # it stays where both names are one file already: then replacing does nothing
            temporary.unlink(missing_ok=True)


def _link_or_copy(path: Path, copy: Path) -> None:
    try:
        os.link(path, copy)
    except OSError:
        with replacing(copy) as file:
            file.write(path.read_bytes())


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def storage_error(path: Path, error: OSError) -> StorageError:
    """Return the one-line error for a file that could not be written."""
    if error.errno in _FULL:
        return StorageError(
            f"no space left for {path}: free some, or choose another folder; what was there before is intact"
        )
    return StorageError(f"cannot write {path}: {error.strerror or error}")
