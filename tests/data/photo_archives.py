"""Tiny sets of photographs as archives, whose sums and numbers of images the manifest then has."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import photo_files
import pytest

from olsrepro.data.download.manifest import SOURCES
from olsrepro.data.download.source import Archive


def publish(
    monkeypatch: pytest.MonkeyPatch, at: Path, name: str, *, packaging: str = "car_ims", urls: bool = False
) -> Path:
    """The folder below ``at`` that the archives of a set lie in; the set itself is unpacked in ``at / "original"``.

    With ``urls`` the manifest's own lead there, if there are any.
    """
    photo_files.write(at / "original", name, packaging=packaging)
    mirror = at / "mirror of sets"
    photo_files.pack(at / "original", name, mirror, packaging=packaging)
    source = SOURCES[name]
    folder = at / "original" / source.folder
    archives = tuple(_of(archive, mirror, folder, urls) for archive in source.archives)
    classes = len(photo_files.WNIDS)
    monkeypatch.setitem(SOURCES, name, replace(source, archives=archives, num_classes=classes))
    return mirror


def _of(archive: Archive, mirror: Path, folder: Path, urls: bool) -> Archive:
    path = mirror / archive.file
    if not path.exists():  # of the other packaging
        return archive
    md5 = hashlib.md5(path.read_bytes()).hexdigest() if archive.md5 else ""
    images = tuple((part, len(photo_files.photographs_in(folder / part))) for part, _ in archive.images)
    return replace(archive, md5=md5, images=images, urls=(path.as_uri(),) if urls and archive.urls else ())


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but the lists and notes of ours."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if not path.name.startswith(".")}
