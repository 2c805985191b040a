"""`olsrepro boxes`: a picture of what a detector's run has found in its test images."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olsrepro.checks import check_range
from olsrepro.cli import exit_codes
from olsrepro.cli.finished import finished_config
from olsrepro.cli.output import refuse_existing
from olsrepro.settings import UserError

if TYPE_CHECKING:
    from olsrepro.config.run_config import RunConfig
    from olsrepro.report.figure_data import Words

SUMMARY = "draw what a detector's run has found in its test images"
DESCRIPTION = """\
Draws the first test images of a finished detection run: the objects in them, and the boxes that the best epoch's
network found, as its own test kept them (one size, no mirror image)."""
EPILOG = """\
examples:
  olsrepro boxes RUN_ID --output boxes.png
  olsrepro boxes RUN_ID --output boxes.svg --images 24 --score 0.5"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("run_id", metavar="RUN_ID", help="of a finished run, such as 3f9c2a17b04d5e61-s0")
    parser.add_argument("overrides", nargs="*", default=[], metavar="runtime.KEY=VALUE", help="where data and runs lie")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="where it goes: .png or .svg")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    parser.add_argument("--images", type=int, default=12, metavar="N", help="how many, from the first (12)")
    parser.add_argument("--score", type=float, default=0.2, metavar="S", help="boxes that score more are drawn (0.2)")


def run(arguments: argparse.Namespace) -> int:
    """Draw the picture; the exit code."""
    from olsrepro.report.save import check_suffix

    _check(arguments)
    check_suffix(arguments.output)
    refuse_existing(arguments.output, arguments)
    _draw(arguments)
    print(arguments.output)
    return exit_codes.DONE


def _check(arguments: argparse.Namespace) -> None:
    try:
        check_range("--images", arguments.images, 1)
        check_range("--score", arguments.score, 0, 1)
    except ValueError as error:
        raise UserError(str(error)) from None
    for line in arguments.overrides:
        if not line.startswith("runtime."):
            raise UserError(f"{line}: a finished run has its values; only runtime.KEY=VALUE can be set")


def _draw(arguments: argparse.Namespace) -> None:
    from olsrepro.launch.finished.boxes import found_boxes
    from olsrepro.report.boxes import draw_boxes
    from olsrepro.report.save import save

    config = finished_config(arguments.run_id, arguments.overrides)
    seen = found_boxes(config, arguments.images, arguments.score)
    words = _words(config, seen.record["errors"]["best"], arguments.score)
    if not any(map(len, seen.found)):
        print(f"no box scores above --score={arguments.score:g}; a lower one draws some", file=sys.stderr)
    save(draw_boxes(seen.images, seen.objects, seen.found, seen.class_names, words), arguments.output)


def _words(config: RunConfig, best: dict[str, Any], score: float) -> Words:
    from olsrepro.report.figure_data import Words

    what = f"{config.dataset.name}, {config.backbone.name}, {config.method.name}, seed {config.seed}"
    caption = (
        f"{what}; preset {config.preset}; best test epoch ({best['epoch']}), mAP {best['mAP']:.1f} % at"
        f" {config.dataset.image_size} pixels; boxes that score above {score:g}"
    )
    return Words(
        "What the detector found in the first test images", caption, "" if config.preset == "paper" else config.preset
    )
