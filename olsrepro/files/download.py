"""Download of one file from the first of several URLs that has it intact; an interrupted transfer is resumed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from olsrepro.files import checksum as checksums
from olsrepro.files.atomic import storage_error
from olsrepro.files.transfer import Answer, NoRest, TransferError, answered
from olsrepro.settings import UserError

Progress = Callable[[int, "int | None"], None]

_LEAST = 1 << 16
"""Bytes that an answer must bring of a longer rest, for the next ones to be asked for at once."""


def download(urls: Sequence[str], target: Path, *, checksum: str, progress: Progress | None = None) -> Path:
    """Fetch a file under a temporary name and rename it once its checksum is right.

    What has arrived is kept in ``NAME.part`` beside the target and completed by an HTTP range request at the next try,
    from any of the URLs. A server that sends the whole file, and a whole file that is asked for because the completed
    one is not right, go to ``NAME.part.new``: what had arrived is given up only for a right file or for a longer part.
    A lock beside the target makes a second process wait and then find the file there.

    Args:
        urls: http, https or file; tried in order.
        target: where the file goes; its folder is made. A file that is there and has the checksum is kept as it is.
        checksum: ``md5:<hex>`` or ``sha256:<hex>``, all digits or the first of them.
        progress: called with the bytes so far and the bytes in all (None if the server doesn't say).

    Raises:
        UserError: none of the URLs gave the file; one line with the reason for each URL.
        StorageError: the folder can't be written, or the disk is full.
    """
    with _storing(target):
        if not _is_right(target, checksum):
            target.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(target.with_name(f".{target.name}.lock")):
                if not _is_right(target, checksum):
                    _fetch_first_intact(urls, target, checksum, progress)
    return target


def _is_right(path: Path, checksum: str) -> bool:
    return path.exists() and checksums.matches(path, checksum)


@contextmanager
def _storing(target: Path) -> Iterator[None]:
    """Turn errors of the disk, which are no server's, into a one-line :class:`StorageError`."""
    try:
        yield
    except OSError as error:
        raise storage_error(target, error) from error


def _fetch_first_intact(urls: Sequence[str], target: Path, checksum: str, progress: Progress | None) -> None:
    reasons = []
    for url in urls:
        fetch = _Fetch(url, target, checksum, progress)
        try:
            os.replace(fetch.intact(), target)
        except TransferError as error:
            reasons.append(f"{url}: {error}")
        else:
            fetch.part.unlink(missing_ok=True)
            return
        finally:
            fetch.keep_longer()
    raise UserError(f"{target.name} could not be fetched ({'; '.join(reasons) or 'no URL given'})")


@dataclass(frozen=True)
class _Fetch:
    """Fetching of a file from one URL."""

    url: str
    target: Path
    checksum: str
    progress: Progress | None

    @property
    def part(self) -> Path:
        """File with the bytes that have arrived."""
        return self.target.with_name(f"{self.target.name}.part")

    @property
    def new(self) -> Path:
        """File that the whole is written to beside it."""
        return self.target.with_name(f"{self.target.name}.part.new")

    def keep_longer(self) -> None:
        """Keep the longer one of an interrupted new file and the part; both begin at the first byte."""
        if not self.new.exists():
            return
        if self.new.stat().st_size > _size(self.part):
            os.replace(self.new, self.part)
        else:
            self.new.unlink()

    def intact(self) -> Path:
        """Complete what has arrived, or else fetch the whole beside it; return the file whose checksum is right.

        Raises:
            TransferError: the server didn't give it.
        """
        self.keep_longer()  # where a process was killed
        if begun := _size(self.part):
            with suppress(NoRest):
                return self._completed(begun)
        with answered(self.url, 0) as answer:
            return self._whole(answer)

    def _completed(self, begun: int) -> Path:
        """Append the rest, which some servers send a range at a time; what proves wrong is taken off again."""
        done, is_short = begun, True
        while is_short:
            with answered(self.url, done) as answer:
                if answer.begin < done:
                    return self._whole(answer)
                end = self._save(answer, self.part)
            is_short = answer.stops_short_at(end)
            if is_short and end - done < _LEAST:
                raise self._ended(answer, end, "it sent no more")
            done = end
        return self._checked(self.part, answer, begun)

    def _whole(self, answer: Answer) -> Path:
        end = self._save(answer, self.new)
        if answer.stops_short_at(end):
            raise self._ended(answer, end, "it sent no more")
        return self._checked(self.new, answer, 0)

    def _checked(self, path: Path, answer: Answer, begun: int) -> Path:
        """Return a file that is right; of another, keep what came if the rest may follow, else what had come before."""
        if checksums.matches(path, self.checksum):
            return path
        size = path.stat().st_size
        if not answer.is_delimited:
            raise TransferError(f"{answer.what(size)}, which may not be all, are not the expected file")
        if answer.end is not None and size < answer.end:
            raise self._ended(answer, size)
        found = checksums.of_file(path, self.checksum.partition(":")[0])
        os.truncate(path, begun)
        raise (NoRest if begun else TransferError)(
            f"{answer.what(size - answer.begin)}, not the expected file ({found} instead of {self.checksum})"
        )

    def _save(self, answer: Answer, path: Path) -> int:
        """Write the bytes to a file from their place on; return the place after the last one."""
        done, total = answer.begin, answer.end if answer.total is None else answer.total
        with open(path, "ab" if done else "wb") as file:
            try:
                for block in answer.blocks:
                    file.write(block)
                    done += len(block)
                    if self.progress is not None:
                        self.progress(done, total)
            except TransferError as error:
                raise self._ended(answer, done, str(error)) from error
        return done

    @staticmethod
    def _ended(answer: Answer, done: int, why: str = "the connection ended") -> TransferError:
        total = answer.end if answer.total is None else answer.total
        of = "" if total is None else f" of {total}"
        return TransferError(f"{why} after {done}{of} bytes; try again to go on")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
