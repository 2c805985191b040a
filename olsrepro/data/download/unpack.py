"""Unpacking of archives into a data set, each in its own way. No torch here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from olsrepro.data.download import ilsvrc
from olsrepro.data.download.source import Archive
from olsrepro.files import checksum
from olsrepro.files.archive import FileSum, inside, telling, unpack_tar
from olsrepro.files.atomic import replacing


def unpack(archive: Archive, path: Path, folder: Path) -> Iterator[FileSum]:
    """Unpack an archive at ``path`` into a data set's folder; files of the same name are replaced.

    Everything is in its place once the last file has been taken from the iterator.

    Raises:
        UserError: the archive is damaged, or holds what it should not; or the folder can't be written.
    """
    if archive.form == "tar":
        return unpack_tar(path, folder, inside(archive.inside))
    return _OTHER_FORMS[archive.form](path, folder)


def _put(path: Path, folder: Path) -> Iterator[FileSum]:
    place = folder / path.name
    with telling(path, folder):
        if not place.exists() or not place.samefile(path):
            with replacing(place) as file:
                file.write(path.read_bytes())
        yield FileSum(path.name, place.stat().st_size, checksum.md5(place))


_OTHER_FORMS = {
    "plain": _put,
    "ilsvrc_devkit": ilsvrc.unpack_devkit,
    "ilsvrc_train": ilsvrc.unpack_train,
    "ilsvrc_val": ilsvrc.unpack_val,
}
