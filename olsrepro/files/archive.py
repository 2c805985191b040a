"""Unpacking of tar archives from elsewhere, whose member names are not trusted."""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from olsrepro.files.system_files import is_left_by_systems
from olsrepro.settings import UserError

Place = Callable[[PurePosixPath], "PurePosixPath | None"]
"""Function from a member's path to its path under the target folder; None leaves the member out."""

_BLOCK = 1 << 20
_DAMAGE = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError)


@dataclass(frozen=True)
class FileSum:
    """A file under some folder: its path (POSIX, relative), its size in bytes, its MD5 in hex."""

    path: str
    size: int
    md5: str


def unpack_tar(archive: Path, folder: Path, place: Place = lambda path: path) -> Iterator[FileSum]:
    """Unpack a tar archive (plain, gzip, bzip2, xz) into a folder; nothing is written there unless all of it can be.

    Members are unpacked into a temporary folder inside it and moved once the last one has been taken from the
    iterator; files of the same name are replaced. The archive is read once.

    Raises:
        UserError: a member has an absolute path or ``..`` in it, or is a link or a device; the archive is damaged; or
            the folder can't be written.
    """
    with telling(archive, folder), staging(work_folder(archive, folder)) as stage:
        with tarfile.open(archive) as tar:
            yield from unpack_members(tar, archive, stage, place)
        move_into(stage, folder)


def unpack_members(tar: tarfile.TarFile, archive: Path, folder: Path, place: Place) -> Iterator[FileSum]:
    """Unpack the files of an open tar straight into ``folder``, yielding each; errors name the tar ``archive``."""
    for member in tar:
        named = _checked(member, archive)
        if is_left_by_systems(named):
            continue
        path = place(named)
        content = tar.extractfile(member)
        if path is not None and content is not None:  # a folder has no content, and is made with the first file in it
            size, md5 = _copy(content, folder / path)
            yield FileSum(path.as_posix(), size, md5)


def inside(folder: str) -> Place:
    """Return a :data:`Place` that takes ``folder`` of the archive as its root and leaves out everything else."""
    return lambda path: path.relative_to(folder) if path.is_relative_to(folder) else None


def work_folder(archive: Path, folder: Path) -> Path:
    """Return where to unpack an archive before moving its files: inside ``folder``, which may be on another disk."""
    return folder / f".unpacking-{archive.name}"


@contextmanager
def staging(stage: Path) -> Iterator[Path]:
    """Yield an empty folder of this name; on leaving it is removed with whatever is left in it."""
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def move_into(stage: Path, folder: Path) -> None:
    """Move everything in ``stage`` to ``folder``: a folder that isn't there yet in one piece, else file by file."""
    for path in sorted(stage.iterdir()):
        place = folder / path.name
        if path.is_dir() and place.is_dir():
            move_into(path, place)
        else:
            os.replace(path, place)


@contextmanager
def telling(archive: Path, folder: Path) -> Iterator[None]:
    """Turn errors from unpacking an archive into a one-line :class:`UserError`."""
    try:
        yield
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's fault, not the archive's
            raise UserError(f"{archive} can't be unpacked into {folder}: {error.strerror}") from error
        raise UserError(
            f"{archive} can't be unpacked: it is damaged or no archive; remove it and fetch it again"
        ) from error


def _checked(member: tarfile.TarInfo, archive: Path) -> PurePosixPath:
    """Return the member's path; refuse links, devices, paths that lead outside and names with a line break."""
    rooted = PurePosixPath(member.name).is_absolute() or PureWindowsPath(member.name).anchor
    if rooted or ".." in PureWindowsPath(member.name).parts:
        raise UserError(f"{archive} is refused: its member {member.name!r} would be written outside the folder")
    if not (member.isfile() or member.isdir()):
        raise UserError(f"{archive} is refused: its member {member.name!r} is a link or a device")
    if "\n" in member.name:
        raise UserError(f"{archive} is refused: its member {member.name!r} has a line break in its name")
    return PurePosixPath(member.name)


def _copy(content: IO[bytes], path: Path) -> tuple[int, str]:
    """Write a file that isn't there yet; return its size in bytes and its MD5."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "xb") as file:
        while block := content.read(_BLOCK):
            digest.update(block)
            file.write(block)
        return file.tell(), digest.hexdigest()
