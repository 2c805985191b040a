"""Checksums of files, written ``md5:<hex>`` or ``sha256:<hex>``, of which the first digits are enough."""

from __future__ import annotations

import hashlib
from pathlib import Path

_BLOCK = 1 << 20
_FEWEST_DIGITS = 8


def of_file(path: Path, algorithm: str) -> str:
    """Compute the checksum ``algorithm:<hex>`` of a file (``md5``, ``sha256``), reading it block by block."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return f"{algorithm}:{digest.hexdigest()}"


def md5(path: Path) -> str:
    """Compute the MD5 of a file, in hex."""
    return of_file(path, "md5").removeprefix("md5:")


def sha256(path: Path) -> str:
    """Compute the SHA-256 of a file, in hex."""
    return of_file(path, "sha256").removeprefix("sha256:")


def matches(path: Path, checksum: str) -> bool:
    """Return whether a file has the checksum ``algorithm:<hex>``, or one that begins like it.

    Fewer than eight digits raise :class:`ValueError`.
    """
    algorithm, _, digits = checksum.partition(":")
    if len(digits) < _FEWEST_DIGITS:
        raise ValueError(f"{checksum} has too few digits to tell files apart; give at least {_FEWEST_DIGITS}")
    return of_file(path, algorithm).startswith(checksum)
