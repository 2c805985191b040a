"""Fetching of data sets from their publishers, or from archives that were put into the root by hand. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import singledispatch
from pathlib import Path
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from olsrepro.checks import did_you_mean
from olsrepro.data.download import checksums
from olsrepro.data.download.checksums import OK
from olsrepro.data.download.manifest import published
from olsrepro.data.download.source import Archive, LabelFile, Source
from olsrepro.data.download.status import UNKNOWN, states_by_archive, verify
from olsrepro.data.download.unpack import unpack
from olsrepro.files.archive import FileSum
from olsrepro.files.atomic import StorageError
from olsrepro.files.checksum import matches
from olsrepro.files.download import Progress, download
from olsrepro.settings import UserError

Say = Callable[[str], None]
Urls = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class _Plan:
    """Archives of a packaging that are still to be unpacked, and those of them that can't be obtained.

    ``by_hand`` tells whether files are here that have no known checksum.
    """

    todo: tuple[Archive, ...]
    lacking: tuple[Archive, ...]
    by_hand: bool


def fetch(
    name: str,
    root: Path,
    urls: Sequence[str] | None = None,
    say: Say = print,
    progress: Progress | None = None,
) -> None:
    """Download, check and unpack a data set under ``root``; nothing is done if it is already whole.

    Archives in the root, or in the data set's folder, are used instead of downloads if their checksums are right, and
    stay where they are; a file of labels is downloaded as it is. A second process that fetches the same set waits for
    the first. A set that is whole may lie in a folder that can't be written.

    Args:
        name: of the data set, or of a file of labels (``cifar10h``).
        root: folder of all data sets.
        urls: of the archive or file, in place of the published ones (a mirror, ``file:///...``); with several
            archives, each URL ends in the file name of its own. The checksum must be the same.
        say: called with each line on what happens.
        progress: called with the bytes that are done and the bytes in all, of a download or of an unpacking.

    Raises:
        UserError: unknown name; no URL gave the archive; an archive can't be fetched and isn't here; the archive or a
            file in it is not the published one.
    """
    item = published(name)
    if item.is_built_in:
        say(f"{name} needs no fetching ({item.licence})")
        return
    try:
        with _alone(name, root):
            _fetch(item, root, urls or (), say, progress)
    except _Unwritable as error:
        states = {finding.state for finding in verify(name, root)}
        if not states <= {OK, UNKNOWN}:
            raise UserError(str(error)) from None
        _say_whole(name, root / item.place, UNKNOWN in states, say)


@singledispatch
def _fetch(item: Source | LabelFile, root: Path, urls: Sequence[str], say: Say, progress: Progress | None) -> None:
    raise TypeError(f"{type(item).__name__} can't be fetched")


@_fetch.register
def _(item: Source, root: Path, urls: Sequence[str], say: Say, progress: Progress | None) -> None:
    _fetch_archives(item, root, _by_archive(item, urls), say, progress)


@_fetch.register
def _(item: LabelFile, root: Path, urls: Sequence[str], say: Say, progress: Progress | None) -> None:
    _fetch_file(item, root, urls or item.urls, say, progress)


class _Unwritable(Exception):
    """A root in which no lock can be taken."""


@contextmanager
def _alone(name: str, root: Path) -> Iterator[None]:
    lock = FileLock(root / f".{name}.lock")
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise _Unwritable(f"{root} can't be used as a folder of data sets: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()


def _say_whole(name: str, place: Path, by_hand: bool, say: Say) -> None:
    say(f"{name} is already in {place}, " + ("put there by hand" if by_hand else "every checksum right"))


def _fetch_file(item: LabelFile, root: Path, urls: Sequence[str], say: Say, progress: Progress | None) -> None:
    if all(finding.state == OK for finding in verify(item.name, root)):
        _say_whole(item.name, root / item.place, False, say)
        return
    say(f"{item.name}: licence: {item.licence}")
    say(f"{item.name}: fetching {item.place} from {urls[0]}")
    _downloaded(item.name, urls, root / item.place, f"sha256:{item.sha256}", progress)
    say(f"{item.name} is in {root / item.place}, its checksum right")


def _fetch_archives(source: Source, root: Path, mirrors: Urls, say: Say, progress: Progress | None) -> None:
    place = root / source.folder
    if (place / checksums.LIST).exists():
        say(f"{source.name}: comparing the files in {place} with their checksums")
    plans = [_plan(source, packaging, root, mirrors) for packaging in source.packagings]
    able = [plan for plan in plans if not plan.lacking]
    todo = [archive for plan in able for archive in plan.todo]
    if able and not todo:
        _say_whole(source.name, place, any(plan.by_hand for plan in able), say)
        return
    say(f"{source.name}: licence: {source.licence}")
    if not able:
        raise _unobtainable(source, root, plans)
    for archive in todo:
        _fetch_archive(source, archive, root, mirrors.get(archive.file) or archive.urls, say, progress)
    say(f"{source.name} is in {place}, every checksum right; its archives can be removed")


def _plan(source: Source, packaging: Sequence[Archive], root: Path, mirrors: Urls) -> _Plan:
    states = states_by_archive(source, packaging, root)
    pending = [archive for archive in packaging if not _is_done(source, archive, root, states.get(archive.file, set()))]
    names = {archive.file for archive in pending}
    here = {archive.file for archive in pending if _lying(source, archive, root)}
    todo = [item for item in pending if not item.needed_by or item.needed_by in names or item.file in here]
    lacking = [item for item in todo if item.file not in here and not (item.urls or mirrors.get(item.file))]
    by_hand = any(UNKNOWN in found for found in states.values())
    return _Plan(tuple(todo), tuple(lacking), by_hand)


def _is_done(source: Source, archive: Archive, root: Path, states: set[str]) -> bool:
    """Return whether an archive's files are here: unpacked by us, checksums right, or by hand, as far as known."""
    if states == {OK}:
        return True
    return bool(states) and states <= {OK, UNKNOWN} and _lying(source, archive, root) is None


def _lying(source: Source, archive: Archive, root: Path) -> Path | None:
    """Find an archive's file; None if it isn't here. A plain file that is already in its place doesn't count."""
    folders = [root] if archive.form == "plain" else [root, root / source.folder]
    return next((folder / archive.file for folder in folders if (folder / archive.file).is_file()), None)


def _by_archive(source: Source, urls: Sequence[str]) -> dict[str, list[str]]:
    """Return the mirrors of each archive, matched by file name where there are several archives."""
    if len(source.archives) == 1:
        return {source.archives[0].file: list(urls)}
    known = {archive.file: archive for archive in source.archives}
    mirrors: dict[str, list[str]] = {}
    for url in urls:
        file = unquote(urlsplit(url).path).rpartition("/")[2]
        if file not in known:
            raise UserError(f"--url {url} must end in the name of a file of {source.name}; {did_you_mean(file, known)}")
        if not known[file].md5:
            raise UserError(f"--url {url}: no checksum of {file} is known to verify it; put it into the root by hand")
        mirrors.setdefault(file, []).append(url)
    return mirrors


def _unobtainable(source: Source, root: Path, plans: Sequence[_Plan]) -> UserError:
    ways = ", or ".join(" and ".join(archive.file for archive in plan.lacking) for plan in plans)
    return UserError(
        f"{source.name} can't be fetched: {source.origin}. Put {ways} into {root}, or name mirrors with --url, then "
        f"run `olsrepro data fetch {source.name}` again; a copy that is already unpacked must be there as "
        f"{source.layout}"
    )


def _fetch_archive(
    source: Source, archive: Archive, root: Path, urls: Sequence[str], say: Say, progress: Progress | None
) -> None:
    path = _obtained(source, archive, root, urls, say, progress)
    say(f"{source.name}: unpacking {path}")
    folder = root / source.folder
    files = _watched(unpack(archive, path, folder), path.stat().st_size, progress)
    if source.files:
        found = {file.path: file.md5 for file in files}
        wrong = [file for file, md5 in source.files if found.get(file) != md5]
    else:
        checksums.record(folder, archive.file, files)
        wrong = [trace for trace in archive.traces if not (folder / trace).exists()]
    if wrong:
        raise UserError(f"{path} was unpacked, but {', '.join(wrong)} in {folder} is not as published")


def _obtained(
    source: Source, archive: Archive, root: Path, urls: Sequence[str], say: Say, progress: Progress | None
) -> Path:
    """Return the path of an archive whose checksum is right: one that is here, or else a download."""
    lying = _lying(source, archive, root)
    expected = f"md5:{archive.md5}"
    if lying and (not archive.md5 or matches(lying, expected)):
        return lying
    if not urls:
        raise UserError(f"{lying} is not the published file: its MD5 is not {archive.md5}; put the right one there")
    home = root / source.folder if archive.form == "plain" else root
    say(f"{source.name}: fetching {archive.file} from {urls[0]}")
    return _downloaded(source.name, urls, lying or home / archive.file, expected, progress)


def _downloaded(name: str, urls: Sequence[str], target: Path, checksum: str, progress: Progress | None) -> Path:
    try:
        return download(urls, target, checksum=checksum, progress=progress)
    except StorageError:
        raise
    except UserError as error:
        raise UserError(
            f"{error}; run `olsrepro data fetch {name}` again, with --url of a mirror, or after putting the file into"
            f" {target.parent}"
        ) from None


def _watched(files: Iterable[FileSum], total: int, progress: Progress | None) -> Iterator[FileSum]:
    """Yield files as they are unpacked; ``progress`` gets their bytes, and the archive's, which are about as many."""
    done = 0
    for file in files:
        done += file.size
        if progress is not None:
            progress(min(done, total), total)
        yield file
