"""Get data sets from where they are published, and look whether they are whole. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from olsrepro.data.manifest import LABEL_FILES, SOURCES, LabelFile, Source, published
from olsrepro.files.archive import extract_tar
from olsrepro.files.checksum import matches
from olsrepro.files.download import Progress, download
from olsrepro.settings import UserError

OK, MISSING, WRONG = "ok", "missing", "wrong"


@dataclass(frozen=True)
class DatasetStatus:
    """One line of ``olsrepro data list``.

    ``state`` is ``built in``, ``missing``, ``incomplete``, ``present`` (all files are there, sums not looked at),
    ``verified`` or ``wrong`` (a sum differs). A file of labels has neither training images nor pixels (None).
    """

    name: str
    num_classes: int
    train_size: int | None
    test_size: int
    image_size: int | None
    place: str
    state: str


def fetch(
    name: str,
    root: Path,
    urls: Sequence[str] | None = None,
    say: Callable[[str], None] = print,
    progress: Progress | None = None,
) -> None:
    """Download, check and unpack a data set under ``root``; nothing is done where it is whole already.

    The archive stays beside the data set; a file of labels is itself what is downloaded. A second process that fetches
    the same set waits for the first.

    Args:
        name: of the data set, or of a file of labels (``cifar10h``).
        root: folder of all data sets.
        urls: of the archive or file, in place of the published ones (a mirror, ``file:///...``); the sum must be the
            same.
        say: told what happens, a line at a time.
        progress: see :func:`olsrepro.files.download.download`.

    Raises:
        UserError: unknown name; no URL gave the archive; the archive or a file in it is not the published one.
    """
    item = published(name)
    if not item.urls:
        say(f"{name} needs no fetching ({item.licence})")
        return
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{root} can't be made a folder of data sets: {error.strerror}") from None
    with FileLock(root / f".{name}.lock"):
        if _is_whole(name, root):
            say(f"{name} is in {root / item.place} already, every sum right")
            return
        say(f"{name}: licence: {item.licence}")
        if isinstance(item, LabelFile):
            _fetch_file(item, root, urls or item.urls, say, progress)
        else:
            _fetch_archive(item, root, urls or item.urls, say, progress)


def _is_whole(name: str, root: Path) -> bool:
    return all(state == OK for _, state in verify(name, root))


def _fetch_file(
    item: LabelFile, root: Path, urls: Sequence[str], say: Callable[[str], None], progress: Progress | None
) -> None:
    say(f"{item.name}: fetching {item.place} from {urls[0]}")
    download(urls, root / item.place, checksum=f"sha256:{item.sha256}", progress=progress)
    say(f"{item.name} is in {root / item.place}, its sum right")


def _fetch_archive(
    source: Source, root: Path, urls: Sequence[str], say: Callable[[str], None], progress: Progress | None
) -> None:
    say(f"{source.name}: fetching {source.archive} from {urls[0]}")
    archive = download(urls, root / source.archive, checksum=f"md5:{source.md5}", progress=progress)
    extract_tar(archive, root)
    wrong = [Path(file).name for file, state in verify(source.name, root) if state != OK]
    if wrong:
        raise UserError(f"{archive} was unpacked, but {', '.join(wrong)} in {root / source.folder} is not as published")
    say(f"{source.name} is in {root / source.folder}, every sum right; {archive} can be removed")


def verify(name: str, root: Path) -> list[tuple[str, str]]:
    """Each file of a data set (path under ``root``) with its state: ``ok``, ``missing`` or ``wrong``."""
    return [(file, _state(root / file, expected)) for file, expected in published(name).sums]


def _state(path: Path, expected: str) -> str:
    if not path.is_file():
        return MISSING
    return OK if matches(path, expected) else WRONG


def status(root: Path, *, check_sums: bool = False) -> list[DatasetStatus]:
    """All data sets and files of labels, where they are and whether they are there.

    ``check_sums`` reads every file (seconds).
    """
    sets = [_status_of(source, root, check_sums) for source in SOURCES.values()]
    return sets + [_status_of_labels(item, root, check_sums) for item in LABEL_FILES.values()]


def _status_of(source: Source, root: Path, check_sums: bool) -> DatasetStatus:
    facts = (source.name, source.num_classes, source.train_size, source.test_size, source.image_size)
    if not source.files:
        return DatasetStatus(*facts, "scikit-learn", "built in")
    return DatasetStatus(*facts, str(root / source.folder), _overall_state(source, root, check_sums))


def _status_of_labels(item: LabelFile, root: Path, check_sums: bool) -> DatasetStatus:
    state = _overall_state(item, root, check_sums)
    return DatasetStatus(item.name, item.num_classes, None, item.test_size, None, str(root / item.place), state)


def _overall_state(item: Source | LabelFile, root: Path, check_sums: bool) -> str:
    there = [(root / file).is_file() for file, _ in item.sums]
    if not all(there):
        return "incomplete" if any(there) else "missing"
    if not check_sums:
        return "present"
    return "verified" if _is_whole(item.name, root) else "wrong"
