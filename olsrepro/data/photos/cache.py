"""Photographs kept as the first transform leaves them, the same in every epoch, so that no JPEG is decoded again."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from olsrepro.data.dataset import Geometry, PathTable, Photographs
from olsrepro.data.photos.cache_file import PixelFile
from olsrepro.data.photos.jobs import PixelsJob
from olsrepro.data.photos.workers import workers_of
from olsrepro.files.atomic import replacing
from olsrepro.settings import UserError

FORMAT = 1
"""Version of the bytes: raise it when the same photographs give others."""

_AT_ONCE = 64


@dataclass(frozen=True)
class PixelCache:
    """Cached pixels of a data set.

    Attributes:
        train: (N, 3, R, R), resized and not yet cropped; None where training must see the original photographs.
        test: (M, 3, S, S), as a test sees them.
    """

    train: PixelFile | None
    test: PixelFile

    @classmethod
    def of(
        cls, data: Photographs, folder: Path, *, crop: str, workers: int, say: Callable[[str], None] = print
    ) -> PixelCache:
        """Return the cache of a data set; what isn't in ``folder`` yet is built by this process or awaited.

        Training images are kept if all come out at one size, and ``crop`` (as in ``AugmentSettings``) starts from it.

        Raises:
            UserError: the disk has too little room, before anything is written; or an image can't be decoded.
        """
        test = _Part(data, "test", data.test_paths, data.geometry)
        train = _Part(data, "train", data.train_paths, replace(data.geometry, side=data.geometry.resized_to))
        parts = [test] if crop == "resized" or data.geometry.resize != "square" else [test, train]
        files = [part.file(folder) for part in parts]
        folder.mkdir(parents=True, exist_ok=True)
        for part, file in zip(parts, files, strict=True):
            with _alone(file, say):
                if not file.is_whole:
                    _remove_leftovers(file)
                    _refuse_too_little_room([file for file in files if not file.is_whole], folder)
                    _write(part, file, workers, say)
        return cls(files[1] if len(files) > 1 else None, files[0])


@dataclass(frozen=True)
class _Part:
    """One split, each image to be kept as the middle of its resized form."""

    data: Photographs
    split: str
    paths: PathTable
    geometry: Geometry

    def file(self, folder: Path) -> PixelFile:
        """Return the file it is kept in, named so that other or changed photographs have another name."""
        side = self.geometry.side
        digest = hashlib.sha256(repr((FORMAT, astuple(self.geometry))).encode())
        for path in self.paths:
            digest.update(f"{path}\0{_state_of(self.data.root / path)}\n".encode("utf-8", "surrogateescape"))
        name = f"{self.data.root.name}-{self.split}-{digest.hexdigest()[:16]}.u8"
        return PixelFile(folder / name, (len(self.paths), 3, side, side))

    def jobs(self) -> Iterator[PixelsJob]:
        """Yield the jobs that make it, a few images each."""
        for at in range(0, len(self.paths), _AT_ONCE):
            rows = range(at, min(at + _AT_ONCE, len(self.paths)))
            yield PixelsJob(np.array(rows), [self.data.root / self.paths[row] for row in rows], self.geometry)


def _state_of(path: Path) -> str:
    """Return size and time of the last change, which tell files of one name apart."""
    if not path.exists():
        return "missing"
    state = path.stat()
    return f"{state.st_size} {state.st_mtime_ns}"


@contextmanager
def _alone(file: PixelFile, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the right to make a file that is not whole; while another process makes it, wait."""
    if file.is_whole:
        yield
        return
    lock = FileLock(file.path.with_name(f".{file.path.name}.lock"))
    try:
        held = lock.acquire(timeout=0)
    except Timeout:
        say(f"waiting for another process, which is making {file.path}")
        held = lock.acquire()
    with held:
        yield


def _remove_leftovers(file: PixelFile) -> None:
    """Remove the files of processes that were killed; the caller holds the lock."""
    for left in file.path.parent.glob(f".{file.path.name}.*.part"):
        left.unlink()


def _refuse_too_little_room(missing: list[PixelFile], folder: Path) -> None:
    """Refuse if the missing files don't fit; called under the lock, when no other process is writing the same file."""
    needed = sum(file.size for file in missing)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"runtime.pixel_cache=true needs {needed:,} bytes in {folder}, where {free:,} are free; "
            "free some, name another folder with runtime.cache_dir, or set runtime.pixel_cache=false"
        )


def _write(part: _Part, file: PixelFile, workers: int, say: Callable[[str], None]) -> None:
    say(f"keeping {len(part.paths):,} {part.split} images, resized, in {file.path} ({file.size / 1e9:.1f} GB)")
    with replacing(file.path) as stream:
        for (sheet,) in workers_of(workers, pinned=False).in_order(part.jobs()):
            stream.write(sheet.pixels.numpy().data)
    os.chmod(file.path, 0o444)
