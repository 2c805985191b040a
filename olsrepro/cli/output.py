"""Where a command's text goes: standard output, or a file that is never overwritten unasked."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from olsrepro.settings import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from olsrepro.experiments.table import Table

SUFFIXES = {".txt": "terminal", ".md": "markdown", ".tex": "latex", ".csv": "csv", ".json": "json"}
FORMATS = tuple(SUFFIXES.values())
PICTURES = (".png", ".svg")


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """``--format``, ``--ours``, ``--output``, ``--overwrite``."""
    parser.add_argument("--format", metavar="F", help=f"{', '.join(FORMATS)}; else by the suffix of --output")
    parser.add_argument("--ours", action="store_true", help="our numbers alone, without the paper's")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write there instead of to standard output")
    parser.add_argument("--overwrite", action="store_true", help="let --output replace a file")


def format_of(arguments: argparse.Namespace) -> str:
    """The format that the options come to.

    Raises:
        UserError: an unknown format, or a file that is there already.
    """
    from olsrepro.checks import did_you_mean

    output: Path | None = arguments.output
    if output is not None:
        refuse_existing(output, arguments)
    if is_picture(output):
        raise UserError(f"--output {output}: a table is no picture; end it with {', '.join(SUFFIXES)}")
    if output is not None and output.suffix not in SUFFIXES and not arguments.format:
        known = ", ".join((*SUFFIXES, *PICTURES))
        raise UserError(f"--output {output} has no ending that says what it is; end it with {known}, or add --format")
    chosen = arguments.format or (SUFFIXES.get(output.suffix, "terminal") if output else "terminal")
    if chosen not in FORMATS:
        raise UserError(f"--format {chosen} is not known; {did_you_mean(chosen, FORMATS)}")
    return str(chosen)


def is_picture(output: Path | None) -> bool:
    """Whether a file's suffix is one of pictures."""
    return output is not None and output.suffix in PICTURES


def refuse_existing(output: Path, arguments: argparse.Namespace) -> None:
    """Refuse to overwrite a file unasked (:class:`UserError`)."""
    if output.exists() and not arguments.overwrite:
        raise UserError(f"--output {output} is there already; name another file, or add --overwrite")
    parent = next(folder for folder in output.absolute().parents if folder.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UserError(f"--output {output}: {parent} is no folder that can be written to; name another file")


def picture_paths(output: Path, names: Sequence[str]) -> list[Path]:
    """The file of each picture: as named, or for several ``figures.png`` becomes ``figures_figure1.png`` and so on."""
    if len(names) == 1:
        return [output]
    return [output.with_stem(f"{output.stem}_{name}") for name in names]


def on_terminal(arguments: argparse.Namespace) -> bool:
    """Whether the text goes to a terminal, which shows colours."""
    return arguments.output is None and sys.stdout.isatty()


def write(text: str, arguments: argparse.Namespace) -> None:
    """Print a text, or write it to the file that was asked for."""
    text = text if text.endswith("\n") else f"{text}\n"
    if arguments.output is None:
        print(text, end="")
        return
    from olsrepro.files.atomic import write_text

    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write_text(arguments.output, text)


def strict_code(tables: Sequence[Table], code: int) -> int:
    """The exit code of ``--strict``: an incomplete table before a claim that fails; else the code so far."""
    from olsrepro.cli import exit_codes

    if code != exit_codes.DONE:
        return code
    if not all(table.is_complete for table in tables):
        return exit_codes.INCOMPLETE
    return exit_codes.CLAIM_FAILED if any(table.failed_claims for table in tables) else code
