"""Command `olsrepro boxes`: draw what a trained detector finds in its test images."""

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

SUMMARY = "draw what a trained detector finds in its test images"
DESCRIPTION = """\
Draws the first test images of a finished detection run with the true objects and with the boxes that the network of
the best epoch found in the run's own test (one image size, no mirroring)."""
EPILOG = """\
examples:
  olsrepro boxes RUN_ID --output boxes.png
  olsrepro boxes RUN_ID --output boxes.svg --images 24 --score 0.5"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("run_id", metavar="RUN_ID", help="id of a finished run, such as 3f9c2a17b04d5e61-s0")
    parser.add_argument(
        "overrides", nargs="*", default=[], metavar="runtime.KEY=VALUE", help="as in runtime.runs_dir=D"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="picture to write: .png, .svg, .pdf")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    parser.add_argument("--images", type=int, default=12, metavar="N", help="draw the first N test images (default 12)")
    parser.add_argument("--score", type=float, default=0.2, metavar="S", help="draw boxes scored above S (default 0.2)")


def run(arguments: argparse.Namespace) -> int:
    """Draw the picture; return the exit code."""
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
            raise UserError(f"{line}: a finished run's config can't be changed; only runtime.KEY=VALUE can be set")


def _draw(arguments: argparse.Namespace) -> None:
    from olsrepro.launch.finished.boxes import found_boxes
    from olsrepro.report.boxes import draw_boxes
    from olsrepro.report.save import save

    config = finished_config(arguments.run_id, arguments.overrides)
    seen = found_boxes(config, arguments.images, arguments.score)
    words = _words(config, seen.record["errors"]["best"], arguments.score)
    if not any(map(len, seen.found)):
        print(f"no box scores above --score={arguments.score:g}; try a lower one", file=sys.stderr)
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
