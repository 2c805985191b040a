"""The check before training that every photograph can be decoded; what it found is remembered for the same files."""

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
"""Why images can't be decoded, by their paths as the data set gives them."""

D = TypeVar("D", bound=Dataset)


def readable(data: D, folder: Path, *, skip_unreadable: bool, workers: int, say: Callable[[str], None] = print) -> D:
    """The data set, of whose images each can be decoded.

    Args:
        data: as it was read.
        folder: where what was found is remembered.
        skip_unreadable: whether images that can't be decoded are left out; else there must be none.
        workers: processes that look; with 0 this one does.
        say: told before all images are read, and which are left out.

    Raises:
        UserError: with the first few of those that can't be decoded, and their number.
    """
    found = unreadable_images(data, folder, workers=workers, say=say)
    if found and not skip_unreadable:
        raise UserError(
            f"{_named(data, found)}; put the original files there, or leave them out by dataset.skip_unreadable=true"
        )
    if found:
        say(f"{_named(data, found)}; left out, as dataset.skip_unreadable=true says")
    return without_unreadable(data, found)


def unreadable_images(data: Dataset, folder: Path, *, workers: int, say: Callable[[str], None] = print) -> Reasons:
    """Which images can't be decoded: all are tried, unless files of these sizes and times have been tried before."""
    root, paths = data.files
    if not paths:
        return {}
    memory = folder / f"{root.name}-readable-{_state_of(root, paths)}.json"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{memory.name}.lock"):
        if (suspects := _remembered(memory)) is not None:
            return _tried(root, suspects, 0)  # what was wrong with them may have been the disk
        say(f"reading each of the {len(paths):,} images in {root} once, to find any that can't be decoded")
        found = _tried(root, paths, workers)
        write_json(memory, {"images": len(paths), "unreadable": found})
        return found


def _remembered(memory: Path) -> list[str] | None:
    """The images that could not be decoded when all were tried; None where it isn't known."""
    try:
        return list(json.loads(memory.read_bytes())["unreadable"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # never looked, or the file is damaged: look again
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
    """A name for these files as they are: paths, sizes and times of their last change."""
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
