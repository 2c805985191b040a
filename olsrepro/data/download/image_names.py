"""Rule for what counts as an image, or as a folder of images, among what systems leave beside them. No torch here."""

from __future__ import annotations

from pathlib import PurePosixPath

from olsrepro.files.system_files import is_left_by_systems

_ENDINGS = (".jpeg", ".jpg", ".png")


def is_image(name: str) -> bool:
    """Tell by its name whether a file is an image; hidden ones, as macOS's ``._a.JPEG``, are not."""
    return name.lower().endswith(_ENDINGS) and not name.startswith(".")


def is_image_folder(name: str) -> bool:
    """Tell by its name whether a folder may hold images: it is not hidden, and no system's own."""
    return not name.startswith(".") and not is_left_by_systems(PurePosixPath(name))


def is_image_path(path: str) -> bool:
    """Tell by the names in it whether a path, relative and with slashes, leads to an image."""
    *folders, name = PurePosixPath(path).parts or ("",)
    return is_image(name) and all(map(is_image_folder, folders))
