"""Rule for what counts as an image, or as a folder of images, among what systems leave beside them. No torch here."""

from __future__ import annotations

_ENDINGS = (".jpeg", ".jpg", ".png")
_LEFT_BY_SYSTEMS = frozenset({"__MACOSX", "lost+found", "@eaDir"})  # macOS's zip, a file system's check, Synology


def is_image(name: str) -> bool:
    """Tell by its name whether a file is an image; hidden ones, as macOS's ``._a.JPEG``, are not."""
    return name.lower().endswith(_ENDINGS) and not name.startswith(".")


def is_image_folder(name: str) -> bool:
    """Tell by its name whether a folder may hold images: it is not hidden, and no system's own."""
    return not name.startswith(".") and name not in _LEFT_BY_SYSTEMS
