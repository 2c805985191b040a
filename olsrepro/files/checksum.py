"""Checksums of files, written ``md5:<hex>`` or ``sha256:<hex>``, of which the first digits may stand for all."""

from __future__ import annotations

import hashlib
from pathlib import Path

_BLOCK = 1 << 20
_FEWEST_DIGITS = 8


def of_file(path: Path, algorithm: str) -> str:
    """The checksum ``algorithm:<hex>`` of a file (``md5``, ``sha256``), read block by block."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return f"{algorithm}:{digest.hexdigest()}"


def md5(path: Path) -> str:
    """The MD5 of a file, in hex."""
    return of_file(path, "md5").removeprefix("md5:")


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    return of_file(path, "sha256").removeprefix("sha256:")


def matches(path: Path, checksum: str) -> bool:
    """Whether a file has the checksum ``algorithm:<hex>``, or one that begins so.

    Fewer than eight digits raise :class:`ValueError`.
    """
    algorithm, _, digits = checksum.partition(":")
    if len(digits) < _FEWEST_DIGITS:
        raise ValueError(f"{checksum} names too few digits to tell files apart; {_FEWEST_DIGITS} at least")
    return of_file(path, algorithm).startswith(checksum)
