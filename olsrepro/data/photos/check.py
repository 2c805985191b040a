"""Check before training that every photograph can be decoded; its result is remembered for the same files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

from olsrepro.data.dataset import Dataset
from olsrepro.data.photos.decode import Unreadable, check_decodes
from olsrepro.data.photos.notice import reading
from olsrepro.data.photos.workers import workers_of
from olsrepro.files.atomic import write_json
from olsrepro.settings import UserError

_AT_ONCE = 64
_NAMED = 3

Reasons = dict[str, str]
"""Reasons why images can't be decoded, by their paths as the data set gives them."""

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
        UserError: images can't be decoded, of which it names the first few and counts all; or none would be left.
    """
    found = unreadable_images(data, folder, workers=workers, say=say)
    if found and not skip_unreadable:
        raise UserError(
            f"{_named(data, found)}; put the original files there, or leave them out with dataset.skip_unreadable=true"
        )
    if found:
        say(f"{_named(data, found)}; left out because of dataset.skip_unreadable=true")
    return without_unreadable(data, found)


def unreadable_images(data: Dataset, folder: Path, *, workers: int, say: Callable[[str], None] = print) -> Reasons:
    """Find the images that can't be decoded.

    All are tried, unless files of these sizes and times have been tried before: then only those that failed are.
    """
    root, paths = data.files
    if not paths:
        return {}
    memory = folder / f"{root.name}-readable-{_state_of(root, paths)}.json"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{memory.name}.lock"):
        if (suspects := _remembered(memory)) is not None:
            return _tried(root, suspects, 0)  # the fault may have been the disk's
        say(f"reading each of the {len(paths):,} images in {root} once, to find any that can't be decoded")
        found = _tried(root, paths, workers)
        write_json(memory, {"images": len(paths), "unreadable": found})
        return found


def _remembered(memory: Path) -> list[str] | None:
    """Return the images that could not be decoded when all were tried; None where that isn't known."""
    try:
        return list(json.loads(memory.read_bytes())["unreadable"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # never tried, or the file is damaged: try again
        return None


def without_unreadable(data: D, found: Reasons) -> D:
    """Return the data set without these images, which are listed in its ``unreadable``.

    Raises:
        UserError: no training image or no test image is left.
    """
    if not found:
        return data
    rest = data.without(found)
    if not rest.train_size or not rest.test_size:
        raise UserError(f"{_named(data, found)}, which leaves no {'test' if rest.train_size else 'training'} image")
    return rest


@dataclass(frozen=True)
class _Check:
    root: Path
    paths: Sequence[str]

    def __call__(self) -> Reasons:
        return dict(self._failed())

    def _failed(self) -> Iterator[tuple[str, str]]:
        for path in self.paths:
            reading(path)
            try:
                check_decodes(self.root / path)
            except Unreadable as error:
                yield path, error.reason


def _tried(root: Path, paths: Sequence[str], workers: int) -> Reasons:
    jobs = (_Check(root, paths[at : at + _AT_ONCE]) for at in range(0, len(paths), _AT_ONCE))
    found: Reasons = {}
    for part in workers_of(workers, pinned=False).in_order(jobs):
        found |= part
    return found


def _state_of(root: Path, paths: Sequence[str]) -> str:
    """Return a hash that names the state of these files: paths, sizes and times of their last change."""
    digest = hashlib.sha256(str(root.absolute()).encode("utf-8", "surrogateescape"))
    for path in paths:
        try:
            state = (root / path).stat()
        except OSError:
            digest.update(f"{path}\0missing\n".encode("utf-8", "surrogateescape"))
        else:
            digest.update(f"{path}\0{state.st_size} {state.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def _named(data: Dataset, found: Reasons) -> str:
    root, _ = data.files
    named = [f"{root / path} ({reason})" for path, reason in list(found.items())[:_NAMED]]
    more = f" and {len(found) - len(named)} more" if len(found) > len(named) else ""
    count = "1 image" if len(found) == 1 else f"{len(found)} images"
    return f"{count} of {root.name} can't be decoded: {', '.join(named)}{more}"
