"""One answer of a server that was asked for a file, or for the rest of one: what it says it brings, and the bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.message import Message
from http.client import HTTPException, IncompleteRead
from itertools import chain
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

STALL_S = 30.0
"""Seconds without a byte after which a server is given up on."""

_BLOCK = 1 << 18
_PART, _NOT_SATISFIABLE = 206, 416
_PAGE, _BLANK = "text/html", b"\xef\xbb\xbf \t\r\n"
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_LENGTH = re.compile(r"\d{1,18}")
_LONGEST = 200


class TransferError(Exception):
    """A transfer that brought nothing usable, or not all; the message says what came."""


class NoRest(TransferError):
    """An answer to a request for the rest of a file that does not give it; one for the whole may get a better one."""


@dataclass(frozen=True)
class Answer:
    """An answer that brings a file, or the rest of it.

    Attributes:
        begin: place of its first byte in the file.
        end: place after its last byte; None if the server doesn't say.
        total: bytes in the whole file, likewise.
        size: bytes that it brings, likewise; a server may announce fewer than from ``begin`` to ``end``.
        is_delimited: whether a connection that ends early can be told from one that has brought everything.
        kind: of content, as in ``application/gzip``; empty if the server doesn't say.
        place: where it came from if the server sent us elsewhere, as in `` from https://...``; empty if not.
        blocks: the bytes; :class:`TransferError` where the connection breaks.
    """

    begin: int
    end: int | None
    total: int | None
    size: int | None
    is_delimited: bool
    kind: str
    place: str
    blocks: Iterator[bytes]

    def stops_short_at(self, place: int) -> bool:
        """Return whether the server sent what it said up to there, but not the file's last bytes."""
        return self.total is not None and place == self.end and place < self.total

    def what(self, size: int | None) -> str:
        """Describe its content of so many bytes, as in ``an HTML page of 78 bytes``."""
        if self.kind == _PAGE:
            return f"an HTML page{'' if size is None else f' of {size} bytes'}{self.place}"
        return f"{size} bytes{f' of {self.kind}' if self.kind else ''}{self.place}"


@contextmanager
def answered(url: str, begin: int) -> Iterator[Answer]:
    """Ask for a file from a byte on, counted from 0, and yield an answer that brings this, or the file from its start.

    Raises:
        NoRest: ``begin`` is above 0, and the answer brings neither.
        TransferError: there is no answer, or one that brings nothing: an error, a page, no byte.
    """
    headers = {"User-Agent": "olsrepro"} | ({"Range": f"bytes={begin}-"} if begin else {})
    try:
        response = _opener().open(Request(url, headers=headers), timeout=STALL_S)
    except HTTPError as error:
        error.close()
        if error.code != _NOT_SATISFIABLE or not begin:
            raise TransferError(_reason(error)) from error
        yield Answer(begin, begin, begin, 0, True, "", "", iter(()))  # nothing is missing, it says
        return
    except (OSError, HTTPException, ValueError) as error:
        raise TransferError(_reason(error)) from error
    with response:
        yield _with_content(_answer(response, url, begin), begin)


def _answer(response: Any, url: str, asked: int) -> Answer:
    """Read from its headers which bytes of the file an answer brings."""
    headers: Message = response.headers
    length, is_chunked = _length(headers), "Transfer-Encoding" in headers
    begin, end, total = _range(headers, response.status, asked) or (0, length, length)
    stated = [size for size in (length, None if end is None else end - begin) if size is not None]
    size = min(stated, default=None)
    return Answer(
        begin,
        end,
        total,
        size,
        is_delimited=is_chunked or end is not None,
        kind=_clean(headers.get("Content-Type", "").partition(";")[0].lower()),
        place="" if response.url == url else f" from {_clean(response.url)}",
        blocks=_blocks(response, size),
    )


def _range(headers: Message, status: int | None, asked: int) -> tuple[int, int, int | None] | None:
    """Return begin, end and total as the answer states them; None for a whole file."""
    stated = headers.get("Content-Range")
    if stated is None and status != _PART:
        return None
    found = _RANGE.fullmatch(stated or "")
    begin, end = (int(found[1]), int(found[2]) + 1) if found else (-1, -1)
    total = int(found[3]) if found and found[3] != "*" else None
    if begin not in (0, asked) or end <= begin or (total is not None and end > total):
        wanted = f"the bytes from {asked} on" if asked else "the file"
        raise (NoRest if asked else TransferError)(f"asked for {wanted}, got {_clean(stated or 'an unnamed part')}")
    return begin, end, total


def _length(headers: Message) -> int | None:
    """Return the length of an answer; None where it isn't stated, or is no number."""
    stated = headers.get("Content-Length", "").strip()
    return int(stated) if _LENGTH.fullmatch(stated) else None


def _with_content(answer: Answer, asked: int) -> Answer:
    """Return the answer; refuse one without a byte, and a page in place of the file."""
    first = next(answer.blocks, b"")
    if not first:
        raise (NoRest if asked else TransferError)(f"an empty answer{answer.place}")
    if answer.kind == _PAGE and first.lstrip(_BLANK).startswith(b"<"):
        raise (NoRest if answer.begin else TransferError)(f"{answer.what(answer.size)} instead of the file")
    return replace(answer, blocks=chain([first], answer.blocks))


def _blocks(response: Any, size: int | None) -> Iterator[bytes]:
    """Yield the bytes as they arrive, so many at most: a server may hold the connection open after the last one."""
    while size is None or size > 0:
        try:
            block = response.read1(_BLOCK if size is None else min(_BLOCK, size))
        except (OSError, HTTPException) as error:
            raise TransferError(_reason(error)) from error
        if not block:
            return
        size = None if size is None else size - len(block)
        yield block


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
    """Say in one line why there is no answer, or no more of it."""
    if isinstance(error, HTTPError):
        return _clean(f"HTTP {error.code} {error.reason}")
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        return _reason(error.reason)
    if isinstance(error, IncompleteRead):
        return "the connection ended"
    if isinstance(error, TimeoutError):
        return f"timed out, with no byte for {STALL_S:g} s"
    if isinstance(error, URLError):
        return _clean(str(error.reason))
    return _clean(str(error) or type(error).__name__)


def _clean(text: str) -> str:
    """Return what a server says as one short line that a terminal can show."""
    line = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:_LONGEST]
