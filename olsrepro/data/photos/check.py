"""Check before training that every photograph can be decoded, and has the size that its annotation states.

The result is remembered for the same files and sizes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from filelock import FileLock

from olsrepro.data.dataset import Dataset, Size
from olsrepro.data.photos.decode import Foreign, Unreadable, check_decodes, check_size
from olsrepro.data.photos.notice import reading
from olsrepro.data.photos.workers import workers_of
from olsrepro.files.atomic import write_json
from olsrepro.files.plain_json import parse
from olsrepro.files.shape import TEXT, Each, Having, Maybe
from olsrepro.settings import UserError

_AT_ONCE = 64
_NAMED = 3
_MEMORY = Having({"unreadable": Each(TEXT), "foreign": Maybe(Each(TEXT))})

Reasons = dict[str, str]
"""Reasons why images can't be used, by their paths as the data set gives them."""


class _Found(NamedTuple):
    """Images that can't be decoded, and those of another size than their annotations state."""

    unreadable: Reasons
    foreign: Reasons


D = TypeVar("D", bound=Dataset)


def readable(data: D, folder: Path, *, skip_unreadable: bool, workers: int, say: Callable[[str], None] = print) -> D:
    """Return the data set with only images that can be decoded, or refuse it.

    Args:
        data: as it was read.
        folder: where the result of the check is remembered.
        skip_unreadable: whether images that can't be decoded are left out; otherwise they are refused.
        workers: processes that try the images; 0: this one.
        say: called with a line before all images are read, and with one on those that are left out.

    Raises:
        UserError: images can't be decoded, of which it names the first few and counts all; or none would be left; or
            as :func:`unreadable_images`.
    """
    found = unreadable_images(data, folder, workers=workers, say=say)
    if found and not skip_unreadable:
        raise UserError(
            f"{_undecoded(data, found)}; put the original files there, or leave them out with"
            " dataset.skip_unreadable=true"
        )
    if found:
        say(f"{_undecoded(data, found)}; left out because of dataset.skip_unreadable=true")
    return without_unreadable(data, found)


def unreadable_images(data: Dataset, folder: Path, *, workers: int, say: Callable[[str], None] = print) -> Reasons:
    """Find the images that can't be decoded.

    All are tried, unless files of these sizes and times have been tried before: then only those that failed are.

    Raises:
        UserError: images have other sizes than their annotations state.
    """
    found = _found(data, folder, workers=workers, say=say)
    if found.foreign:
        wrong = _named(data, found.foreign, "can't be used with the annotations")
        raise UserError(f"{wrong}; put the published photographs and annotations there")
    return found.unreadable


def _found(data: Dataset, folder: Path, *, workers: int, say: Callable[[str], None]) -> _Found:
    root, paths = data.files
    if not paths:
        return _Found({}, {})
    stated = data.stated_sizes
    memory = folder / f"{root.name}-readable-{_state_of(root, paths, stated)}.json"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{memory.name}.lock"):
        if (suspects := _remembered(memory)) is not None:
            return _tried(root, suspects, stated, 0)  # the fault may have been the disk's
        say(f"reading each of the {len(paths):,} images in {root} once, to find any that can't be decoded")
        found = _tried(root, paths, stated, workers)
        write_json(memory, {"images": len(paths), **found._asdict()})
        return found


def _remembered(memory: Path) -> list[str] | None:
    """Return the images that could not be used when all were tried; None where that isn't known."""
    try:
        known = parse(memory.read_bytes())
    except (FileNotFoundError, ValueError):  # never tried, or the file is damaged: try again
        return None
    if not _MEMORY.fits(known):
        return None
    return [*known["unreadable"], *(known.get("foreign") or ())]  # older files have none, of images without annotations


def without_unreadable(data: D, found: Reasons) -> D:
    """Return the data set without these images, which are listed in its ``unreadable``.

    Raises:
        UserError: no training image or no test image is left.
    """
    if not found:
        return data
    rest = data.without(found)
    if not rest.train_size or not rest.test_size:
        raise UserError(f"{_undecoded(data, found)}, which leaves no {'test' if rest.train_size else 'training'} image")
    return rest


@dataclass(frozen=True)
class _Check:
    root: Path
    paths: Sequence[str]
    stated: Sequence[Size | None]

    def __call__(self) -> _Found:
        found = _Found({}, {})
        for path, stated in zip(self.paths, self.stated, strict=True):
            reading(path)
            try:
                check_size(self.root / path, check_decodes(self.root / path), stated)
            except Foreign as error:
                found.foreign[path] = error.reason
            except Unreadable as error:
                found.unreadable[path] = error.reason
        return found


def _tried(root: Path, paths: Sequence[str], stated: Mapping[str, Size], workers: int) -> _Found:
    parts = (paths[at : at + _AT_ONCE] for at in range(0, len(paths), _AT_ONCE))
    jobs = (_Check(root, part, [stated.get(path) for path in part]) for part in parts)
    found = _Found({}, {})
    for part in workers_of(workers, pinned=False).in_order(jobs):
        found.unreadable.update(part.unreadable)
        found.foreign.update(part.foreign)
    return found


def _state_of(root: Path, paths: Sequence[str], stated: Mapping[str, Size]) -> str:
    """Return a hash that names the state of these files: paths, sizes, times of their last change, stated sizes if any.

    A result from before sizes were compared has another name, and so is not used.
    """
    digest = hashlib.sha256(str(root.absolute()).encode("utf-8", "surrogateescape"))
    for path in paths:
        try:
            state = (root / path).stat()
        except OSError:
            digest.update(f"{path}\0missing\n".encode("utf-8", "surrogateescape"))
        else:
            digest.update(f"{path}\0{state.st_size} {state.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
        if path in stated:
            digest.update("stated {} x {}\n".format(*stated[path]).encode())
    return digest.hexdigest()[:16]


def _undecoded(data: Dataset, found: Reasons) -> str:
    return _named(data, found, "can't be decoded")


def _named(data: Dataset, found: Reasons, what: str) -> str:
    root, _ = data.files
    named = [f"{root / path} ({reason})" for path, reason in list(found.items())[:_NAMED]]
    more = f" and {len(found) - len(named)} more" if len(found) > len(named) else ""
    count = "1 image" if len(found) == 1 else f"{len(found)} images"
    return f"{count} of {root.name} {what}: {', '.join(named)}{more}"
