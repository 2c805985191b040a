"""State of data sets: whether they are here, and whether they are whole. No torch here."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from olsrepro.data.download import checksums
from olsrepro.data.download.checksums import MISSING, OK, WRONG
from olsrepro.data.download.image_names import is_image, is_image_folder
from olsrepro.data.download.manifest import LABEL_FILES, ROOT_VARIABLE, SOURCES, published
from olsrepro.data.download.source import Archive, LabelFile, Source
from olsrepro.files import checksum
from olsrepro.files.archive import work_folder

UNKNOWN = "no sum"


@dataclass(frozen=True)
class FileStatus:
    """Finding on one file, or on a folder of images that no list describes.

    Attributes:
        path: under the root.
        state: ``ok``, ``missing``, ``wrong``; or ``no sum``: it is there, and nothing more is known.
        remark: what the state is based on, where that isn't the checksum.
        archive: the one that it comes in; empty for a file of labels.
    """

    path: str
    state: str
    remark: str = ""
    archive: str = ""


@dataclass(frozen=True)
class DatasetStatus:
    """One line of ``olsrepro data list``.

    ``state`` is ``built in``, ``missing``, ``incomplete``, ``present`` (by a quick look: no checksum is
    compared, no image counted), ``verified`` or ``wrong`` (a file differs). A file of labels has neither training
    images nor pixels (None).
    """

    name: str
    num_classes: int
    train_size: int | None
    test_size: int
    image_size: int | None
    place: str
    state: str


def verify(name: str, root: Path) -> Iterator[FileStatus]:
    """Check every file of a data set or of labels, one after the other; of several packagings, the most complete.

    Checksums are the published ones, or else those that were listed when the archives were unpacked. Where a copy was
    laid out by hand, so that there is no list, the images are counted.

    Raises:
        UserError: unknown name; the list is damaged.
    """
    item = published(name)
    if not item.archives:
        return _by_published_sums(item, root, "")
    source = cast(Source, item)  # labels have no archives
    return _look_at(source, _furthest(source, root), root)


def states_by_archive(source: Source, packaging: Sequence[Archive], root: Path) -> dict[str, set[str]]:
    """Collect the states of the files of each archive of a packaging, by its name; reads every file."""
    states: dict[str, set[str]] = defaultdict(set)
    for finding in _look_at(source, packaging, root):
        states[finding.archive].add(finding.state)
    return states


def _look_at(source: Source, packaging: Sequence[Archive], root: Path) -> Iterator[FileStatus]:
    if source.files:
        yield from _by_published_sums(source, root, packaging[0].file)
        return
    listed = {entry.archive for entry in checksums.read(root / source.folder / checksums.LIST)}
    yield from _by_list(source, root, listed.intersection(archive.file for archive in packaging))
    for archive in packaging:
        if archive.file not in listed:
            yield from _by_traces(source, archive, root)


def _by_published_sums(item: Source | LabelFile, root: Path, archive: str) -> Iterator[FileStatus]:
    return (FileStatus(path, _state(root / path, expected), archive=archive) for path, expected in item.sums)


def _by_list(source: Source, root: Path, archives: set[str]) -> Iterator[FileStatus]:
    folder = root / source.folder
    for archive, file in checksums.read(folder / checksums.LIST):
        if archive in archives:
            yield FileStatus(f"{source.folder}/{file.path}", checksums.state(folder / file.path, file), archive=archive)


def _by_traces(source: Source, archive: Archive, root: Path) -> Iterator[FileStatus]:
    """Check what an archive should have left, where no list says so."""
    for folder, expected in archive.images:
        path = f"{source.folder}/{folder}"
        yield FileStatus(path, *_counted(root / path, expected), archive=archive.file)
    for file in archive.files:
        path = f"{source.folder}/{file}"
        is_itself = archive.form == "plain" and archive.md5
        state = _state(root / path, f"md5:{archive.md5}" if is_itself else "")
        yield FileStatus(path, state, archive=archive.file)


def _state(path: Path, expected: str) -> str:
    if not path.is_file():
        return MISSING
    if not expected:
        return UNKNOWN
    return OK if checksum.matches(path, expected) else WRONG


def _counted(folder: Path, expected: int) -> tuple[str, str]:
    if not folder.is_dir():
        return MISSING, ""
    found = sum(is_image(name) for name in _files_below(folder))
    if found == expected:
        return UNKNOWN, f"{found:,} images, as published"
    return WRONG, f"{found:,} images instead of {expected:,}"


def _files_below(folder: Path) -> Iterator[str]:
    for _, folders, names in os.walk(folder, followlinks=True):
        folders[:] = filter(is_image_folder, folders)
        yield from names


def status(root: Path, *, check_sums: bool = False) -> list[DatasetStatus]:
    """List all data sets and files of labels, where they are and whether they are there.

    ``check_sums`` reads every file (seconds for CIFAR, many minutes for ImageNet).
    """
    sets = [_status_of(source, root, check_sums) for source in SOURCES.values()]
    return sets + [_status_of_labels(item, root, check_sums) for item in LABEL_FILES.values()]


def absence(name: str, root: Path) -> str:
    """Return a line on a data set whose folder is not here; empty where it is, or none need be."""
    source = SOURCES.get(name)
    if source is None or not source.archives or (root / source.folder).exists():
        return ""
    return (
        f"{name} is not here: no folder {root / source.folder}; run `olsrepro data fetch {name}`, "
        f"or set {ROOT_VARIABLE} to the folder that holds {source.folder}"
    )


def _status_of(source: Source, root: Path, check_sums: bool) -> DatasetStatus:
    facts = (source.name, source.num_classes, source.train_size, source.test_size, source.image_size)
    if not source.archives:
        return DatasetStatus(*facts, source.origin or "scikit-learn", "built in")
    return DatasetStatus(*facts, str(root / source.folder), _overall_state(source, root, check_sums))


def _status_of_labels(item: LabelFile, root: Path, check_sums: bool) -> DatasetStatus:
    state = _overall_state(item, root, check_sums)
    return DatasetStatus(item.name, item.num_classes, None, item.test_size, None, str(root / item.place), state)


def _overall_state(item: Source | LabelFile, root: Path, check_sums: bool) -> str:
    there = _quick_look(item, root)
    if not all(there):
        return "incomplete" if any(there) else "missing"
    if not check_sums:
        return "present"
    states = {finding.state for finding in verify(item.name, root)}
    if states <= {OK, UNKNOWN}:
        return "present" if UNKNOWN in states else "verified"
    return "wrong"


def _quick_look(item: Source | LabelFile, root: Path) -> list[bool]:
    """Return, for each thing that should be there, whether it is; of several packagings, for the most complete."""
    if item.sums:
        return [(root / path).is_file() for path, _ in item.sums]
    source = cast(Source, item)  # labels have a checksum
    return _traces_there(source, _furthest(source, root), root)


def _furthest(source: Source, root: Path) -> tuple[Archive, ...]:
    def share(packaging: tuple[Archive, ...]) -> float:
        there = _traces_there(source, packaging, root)
        return sum(there) / max(len(there), 1)

    return max(source.packagings, key=share)


def _traces_there(source: Source, packaging: Sequence[Archive], root: Path) -> list[bool]:
    folder = root / source.folder
    traces = [(folder / trace).exists() for archive in packaging for trace in archive.traces]
    if not any(traces):
        return traces
    return traces + [_is_settled(source, archive, folder) for archive in packaging]


def _is_settled(source: Source, archive: Archive, folder: Path) -> bool:
    """Return whether every class has a folder, and no unpacking was interrupted (or is under way)."""
    if work_folder(Path(archive.file), folder).exists():
        return False
    return not archive.class_folder or _folders_in(folder / archive.class_folder) >= source.num_classes


def _folders_in(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    with os.scandir(folder) as entries:
        return sum(entry.is_dir() and is_image_folder(entry.name) for entry in entries)
