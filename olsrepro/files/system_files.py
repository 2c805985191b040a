"""Files and folders that systems leave beside a user's: attributes, previews, what a check has recovered."""

from __future__ import annotations

from pathlib import PurePosixPath

_APPLE_DOUBLE = "._"  # of macOS on other file systems and in archives, beside each file that has attributes
_NAMES = frozenset({"__MACOSX", ".DS_Store", "lost+found", "@eaDir", "Thumbs.db", "desktop.ini"})


def is_left_by_systems(path: PurePosixPath) -> bool:
    """Tell by its name, or that of a folder above it, whether a file or folder is a system's own."""
    return any(name in _NAMES or name.startswith(_APPLE_DOUBLE) for name in path.parts)
