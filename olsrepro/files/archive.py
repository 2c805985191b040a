"""Unpack tar archives that come from elsewhere, without trusting their member names."""

from __future__ import annotations

import os
import tarfile
import tempfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from olsrepro.settings import UserError

_DAMAGE = (tarfile.TarError, EOFError, zlib.error, OSError)


def extract_tar(archive: Path, folder: Path) -> None:
    """Unpack a tar archive (plain, gzip, bzip2, xz) into a folder; nothing is written there unless all of it can be.

    Members are unpacked into a temporary folder and then moved file by file; files of the same name are replaced.

    Raises:
        UserError: a member has an absolute path or ``..`` in it, or is a link or a device; the archive is damaged; or
            the folder can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{archive.name}.", dir=folder) as unpacked:
            with tarfile.open(archive) as tar:
                members = [_checked(member, archive) for member in tar.getmembers()]
                tar.extractall(unpacked, members, **_data_filter())
            _move_files(Path(unpacked), folder)
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's fault, not the archive's
            raise UserError(f"{archive} can't be unpacked into {folder}: {error.strerror}") from error
        raise UserError(f"{archive} can't be unpacked: {error}; remove it and fetch it again") from error


def _checked(member: tarfile.TarInfo, archive: Path) -> tarfile.TarInfo:
    """The member, if it is a plain file or folder that stays inside."""
    rooted = PurePosixPath(member.name).is_absolute() or PureWindowsPath(member.name).anchor
    if rooted or ".." in PureWindowsPath(member.name).parts:
        raise UserError(f"{archive} is refused: its member {member.name!r} would be written outside the folder")
    if not (member.isfile() or member.isdir()):
        raise UserError(f"{archive} is refused: its member {member.name!r} is a link or a device")
    return member


def _data_filter() -> dict[str, Any]:
    """Python's own guard, where this Python has it (3.10.12, 3.11.4 and later)."""
    return {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


def _move_files(source: Path, folder: Path) -> None:
    for path in sorted(source.rglob("*")):
        place = folder / path.relative_to(source)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            os.replace(path, place)
