"""Content that lies in the place of a file of data or weights after a wrong download, clone or write."""

from __future__ import annotations

_GIT_LFS = b"version https://git-lfs"
_LOOKED_AT = 512  # bytes
_BLANK = b"\xef\xbb\xbf \t\r\n"


def other_content(content: bytes) -> str:
    """Name what a file holds if it is one of the usual other things, as in ``a web page``; empty if it is none."""
    start = content[:_LOOKED_AT].lstrip(_BLANK)
    if start.startswith(_GIT_LFS):
        return "a Git LFS pointer (run `git lfs pull`)"
    if start.startswith(b"<"):
        return "a web page"
    return "" if content else "empty"
