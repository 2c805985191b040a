"""Download of one file from the first of several URLs that has it intact; an interrupted transfer is resumed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import (
    FileHandler,
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from filelock import FileLock

from olsrepro.files import checksum as checksums
from olsrepro.settings import UserError

Progress = Callable[[int, "int | None"], None]

_BLOCK = 1 << 18
_PARTIAL, _NOT_SATISFIABLE = 206, 416


class _TransferError(Exception):
    """A transfer that ended early or brought another file; the message says which."""


def download(
    urls: Sequence[str],
    target: Path,
    *,
    checksum: str,
    progress: Progress | None = None,
    timeout: float = 30.0,
) -> Path:
    """Fetch a file under a temporary name and rename it once its checksum is right.

    What has arrived is kept in ``NAME.part`` beside the target and completed by an HTTP range request at the next try,
    from any of the URLs; if it turns out to be corrupt, it is removed and fetched from the start. A lock beside the
    target makes a second process wait and then find the file there.

    Args:
        urls: http, https or file; tried in order.
        target: where the file goes; its folder is made. A file that is there and has the checksum is kept as it is.
        checksum: ``md5:<hex>`` or ``sha256:<hex>``, all digits or the first of them.
        progress: called with the bytes so far and the bytes in all (None if the server doesn't say).
        timeout: seconds without a byte after which a URL is given up on.

    Raises:
        UserError: none of the URLs gave the file; one line with the reason for each URL.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_name(f".{target.name}.lock")):
        if target.exists() and checksums.matches(target, checksum):
            return target
        reasons = []
        for url in urls:
            try:
                _fetch_intact(url, part := target.with_name(f"{target.name}.part"), checksum, progress, timeout)
            except (_TransferError, OSError, HTTPException, ValueError) as error:
                reasons.append(f"{url}: {_reason(error)}")
            else:
                os.replace(part, target)
                return target
    raise UserError(f"{target.name} could not be fetched ({'; '.join(reasons) or 'no URL given'})")


def _fetch_intact(url: str, part: Path, checksum: str, progress: Progress | None, timeout: float) -> None:
    """Complete ``part``; if one begun earlier comes out corrupt, try once more from the start."""
    for _ in range(2):
        resumed = _transfer(url, part, progress, timeout)
        if checksums.matches(part, checksum):
            return
        found = checksums.of_file(part, checksum.partition(":")[0])
        part.unlink()
        if not resumed:
            break
    raise _TransferError(f"not the expected file ({found} instead of {checksum})")


def _transfer(url: str, part: Path, progress: Progress | None, timeout: float) -> bool:
    """Append what is missing to ``part``, or rewrite it; return whether bytes of an earlier try were kept."""
    begun = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "olsrepro"} | ({"Range": f"bytes={begun}-"} if begun else {})
    try:
        response = _opener().open(Request(url, headers=headers), timeout=timeout)
    except HTTPError as error:
        error.close()
        if error.code == _NOT_SATISFIABLE and begun:
            return True  # nothing is missing, or the part isn't the start of this file: the checksum tells
        raise
    with response:
        resumed = _continues_at(response, begun)
        _write(response, part, begun if resumed else 0, progress)
    return resumed


def _continues_at(response: Any, begun: int) -> bool:
    """Return whether the server sends the rest from byte ``begun`` on, rather than the whole file."""
    if begun == 0 or response.status != _PARTIAL:
        return False
    content_range = response.headers.get("Content-Range", "")
    if not content_range.startswith(f"bytes {begun}-"):
        raise _TransferError(f"asked for the bytes from {begun} on, got {content_range or 'an unspecified range'}")
    return True


def _write(response: Any, part: Path, done: int, progress: Progress | None) -> None:
    length = response.headers.get("Content-Length")
    total = None if length is None else done + int(length)
    with open(part, "ab" if done else "wb") as file:
        while block := response.read(_BLOCK):
            file.write(block)
            done += len(block)
            if progress is not None:
                progress(done, total)
    if total is not None and done < total:
        raise _TransferError(f"the connection ended after {done} of {total} bytes; try again to continue from there")


def _opener() -> OpenerDirector:
    """Build an opener for http, https and file, and no other scheme (a redirect can't lead to ftp)."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        UnknownHandler(),
        HTTPHandler(),
        HTTPSHandler(),
        FileHandler(),
        HTTPDefaultErrorHandler(),
        HTTPRedirectHandler(),
        HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"HTTP {error.code} {error.reason}"
    if isinstance(error, URLError):
        return str(error.reason)
    return str(error) or type(error).__name__
