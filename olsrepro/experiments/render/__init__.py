"""Entry point from tables to text: formats by name, each in a module of its own that is loaded on demand."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from olsrepro.checks import did_you_mean
from olsrepro.experiments.render.layout import COLUMNS, Options
from olsrepro.experiments.table import Table
from olsrepro.printing.text import printable
from olsrepro.settings import UserError

FORMATS = ("terminal", "markdown", "latex", "csv", "json")
"""Names of formats, each a module of this package with ``render(tables, options) -> str``."""


def render(
    tables: Sequence[Table], format: str, columns: str = "both", width: int | None = None, color: bool = False
) -> str:
    """Render tables as one text, which ends with a line break.

    Args:
        tables: in order; text formats separate them by blank lines, CSV has one header, JSON lists several.
        format: one of ``FORMATS``.
        columns: ``both``: ours beside the paper's; ``ours``: ours alone. CSV and JSON always have everything.
        width: of a line in characters; None: the terminal's, or what fits a page. CSV and JSON have none.
        color: whether to use colours; only for ``terminal``.

    Raises:
        UserError: the format or the columns are unknown.
    """
    for key, value, known in (("format", format, FORMATS), ("columns", columns, COLUMNS)):
        if value not in known:
            raise UserError(f"{key}={value} is not known; {did_you_mean(value, known)}")
    module = import_module(f"olsrepro.experiments.render.{format}")
    text: str = module.render(tables, Options(columns, width, color))
    return text if color else printable(text)
