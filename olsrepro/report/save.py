"""Picture files: written in full or not at all, and with the same bytes for the same picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from olsrepro.checks import did_you_mean
from olsrepro.files.atomic import replacing
from olsrepro.report.style import applied
from olsrepro.settings import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")


def check_suffix(path: Path) -> None:
    """Refuse a path without a picture's suffix (:class:`UserError`), before anything is drawn for it."""
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path} must end with a picture's suffix; {did_you_mean(path.suffix, SUFFIXES)}")


def save(figure: Figure, path: Path) -> None:
    """Write a picture as PNG, SVG or PDF, by the suffix; makes its folder if need be, and replaces an existing file.

    Raises:
        UserError: the path has another suffix.
        StorageError: it can't be written.
    """
    check_suffix(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    described = {"Title": figure.get_label()}
    if path.suffix == ".svg":
        described["Date"] = None
    elif path.suffix == ".pdf":
        described["CreationDate"] = None
    with applied(), replacing(path) as file:
        figure.savefig(file, format=path.suffix.removeprefix("."), metadata=described)
