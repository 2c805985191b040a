"""Output of a command: to standard output, or to a file that is never overwritten unless asked."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from olsrepro.printing.streams import drawn_on
from olsrepro.settings import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from olsrepro.experiments.table import Table

SUFFIXES = {".txt": "terminal", ".md": "markdown", ".tex": "latex", ".csv": "csv", ".json": "json"}
FORMATS = tuple(SUFFIXES.values())
PICTURES = (".png", ".svg", ".pdf")


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--format``, ``--ours``, ``--output``, ``--overwrite``."""
    parser.add_argument("--format", metavar="F", help=f"{', '.join(FORMATS)}; by default from the ending of FILE")
    parser.add_argument("--ours", action="store_true", help="leave out the paper's numbers")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write to FILE instead of standard output")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")


def format_of(arguments: argparse.Namespace) -> str:
    """Choose the format by the options.

    Raises:
        UserError: the format is unknown, or the file already exists.
    """
    from olsrepro.checks import did_you_mean

    output: Path | None = arguments.output
    if output is not None:
        refuse_existing(output, arguments)
    if is_picture(output):
        raise UserError(f"--output {output}: a table can't be a picture; let it end in {', '.join(SUFFIXES)}")
    if output is not None and output.suffix not in SUFFIXES and not arguments.format:
        known = ", ".join((*SUFFIXES, *PICTURES))
        raise UserError(f"--output {output} does not say its format; let it end in {known}, or add --format")
    chosen = arguments.format or (SUFFIXES.get(output.suffix, "terminal") if output else "terminal")
    if chosen not in FORMATS:
        raise UserError(f"--format {chosen} is not known; {did_you_mean(chosen, FORMATS)}")
    return str(chosen)


def is_picture(output: Path | None) -> bool:
    """Return whether a file's suffix is that of a picture."""
    return output is not None and output.suffix in PICTURES


def refuse_existing(output: Path, arguments: argparse.Namespace) -> None:
    """Refuse a file that exists, unless ``--overwrite`` is given, or that can't be written (:class:`UserError`)."""
    if output.exists() and not arguments.overwrite:
        raise UserError(f"--output {output} already exists; name another file, or add --overwrite")
    parent = output.absolute().parent
    if not parent.exists():
        raise UserError(f"--output {output}: there is no folder {parent}; make it, or name another file")
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UserError(f"--output {output}: {parent} is not a writable folder; name another file")


def picture_paths(output: Path, names: Sequence[str]) -> list[Path]:
    """Return each picture's file: as named; of several, ``figures.png`` becomes ``figures_figure1.png`` and so on."""
    if len(names) == 1:
        return [output]
    return [output.with_stem(f"{output.stem}_{name}") for name in names]


def on_terminal(arguments: argparse.Namespace) -> bool:
    """Return whether the text goes to a terminal, which shows colours."""
    return arguments.output is None and sys.stdout.isatty()


def write(text: str, arguments: argparse.Namespace) -> None:
    """Print a text that is printable but for our own colours; or write it to a file, and print the file's path."""
    text = text if text.endswith("\n") else f"{text}\n"
    if arguments.output is None:
        drawn_on(sys.stdout).write(text)
        return
    from olsrepro.files.atomic import write_text

    write_text(arguments.output, text)
    print(arguments.output)


def strict_code(tables: Sequence[Table], code: int) -> int:
    """Choose the exit code of ``--strict``: an incomplete table before a claim that fails; else the code so far."""
    from olsrepro.cli import exit_codes

    if code != exit_codes.DONE:
        return code
    if not all(table.is_complete for table in tables):
        return exit_codes.INCOMPLETE
    return exit_codes.CLAIM_FAILED if any(table.failed_claims for table in tables) else code
