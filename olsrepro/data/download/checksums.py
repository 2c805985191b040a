"""List of a data set's files with size and MD5, where only its archives have published checksums. No torch here.

It is in the data set's folder, one file per line: MD5, size in bytes, the archive it came in, path. It is written while
the archives, whose own checksums were right, are unpacked.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from olsrepro.files import checksum
from olsrepro.files.archive import FileSum
from olsrepro.files.atomic import replacing
from olsrepro.settings import UserError

LIST = ".olsrepro-sums"

OK, MISSING, WRONG = "ok", "missing", "wrong"

_ENCODING = ("utf-8", "surrogateescape")  # names are bytes, whatever they were meant to be


class ListedSum(NamedTuple):
    """A line of the list: a file, and the archive it came in (a name without spaces)."""

    archive: str
    file: FileSum


def record(folder: Path, archive: str, files: Iterable[FileSum]) -> None:
    """Put an archive's files on a folder's list, replacing what the list has of that archive."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} can't be made: {error.strerror}") from error
    kept = (entry for entry in read(folder / LIST) if entry.archive != archive)
    write(folder / LIST, chain(kept, (ListedSum(archive, file) for file in files)))


def write(path: Path, entries: Iterable[ListedSum]) -> None:
    """Write a list atomically: it is there, and whole, once the last entry has been taken."""
    with replacing(path) as file:
        for archive, item in entries:
            file.write(f"{item.md5} {item.size} {archive} {item.path}\n".encode(*_ENCODING))


def read(path: Path) -> Iterator[ListedSum]:
    """Yield the entries of a list, one after the other; none where there is no list.

    Raises:
        UserError: a line isn't one of ours.
    """
    if not path.exists():
        return
    with open(path, encoding=_ENCODING[0], errors=_ENCODING[1], newline="\n") as file:
        for number, line in enumerate(file, 1):
            yield _parsed(line, f"{path}, line {number}")


def _parsed(line: str, where: str) -> ListedSum:
    try:
        md5, size, archive, path = line.removesuffix("\n").split(" ", 3)
        return ListedSum(archive, FileSum(path, int(size), md5))
    except ValueError:
        raise UserError(
            f"{where} is not `MD5 size archive path`; remove the list and fetch the data set again"
        ) from None


def state(path: Path, file: FileSum) -> str:
    """Compare the file at ``path`` with its entry in the list: ``ok``, ``missing`` or ``wrong``."""
    if not path.is_file():
        return MISSING
    return OK if os.path.getsize(path) == file.size and checksum.md5(path) == file.md5 else WRONG
