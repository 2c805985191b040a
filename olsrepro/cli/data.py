"""Command `olsrepro data`: list data sets, fetch and verify them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from olsrepro.cli import exit_codes
from olsrepro.cli.listing import add_format_argument, print_listing
from olsrepro.settings import UserError

SUMMARY = "list, fetch and verify data sets"
DESCRIPTION = """\
Data sets are kept in OLSREPRO_DATA (default ./data), with the layout of torchvision or of their own archives, so files
that you already have can be used. The human labels cifar10h are kept there as cifar10h-probs.npy.

  list           every data set, its size, and whether it is present
  fetch NAME     download it (resuming an interrupted download), verify its checksums, unpack it
  verify NAME    compare the checksum of every file with the published one

ImageNet and Cars can't be downloaded: fetch says which archives to put where, and then unpacks them."""
EPILOG = """\
examples:
  olsrepro data list
  OLSREPRO_DATA=~/datasets olsrepro data fetch cifar100
  olsrepro data fetch cifar10 --url https://mirror.example/cifar-10-python.tar.gz
  olsrepro data fetch imagenet      # says which archives to put where, or unpacks those that are there
  olsrepro data fetch cars --url https://mirror.example/car_ims.tgz    # cars_annos.mat is already in the data folder
  olsrepro data fetch cifar10h      # human labels of CIFAR-10's test images"""

LIST = "Lists all data sets: classes, images, pixels, and whether their files are present (checksums are not compared)."
FETCH = """Downloads the archives of a data set, resuming where an earlier attempt stopped, verifies their checksums and
unpacks them. Archives that are already in the data folder are used. The licence is shown first. Nothing is done if
every file is present; two processes never fetch the same data set at once."""
VERIFY = """Compares the checksum of every file of a data set with the published one, or with the one recorded when its
archive was unpacked; exits with 2 if a file is missing or differs. In a copy made by hand, only the images are
counted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    listing = actions.add_parser("list", help="list all data sets and whether they are present", description=LIST)
    fetching = actions.add_parser("fetch", help="download, check and unpack a data set", description=FETCH)
    verifying = actions.add_parser(
        "verify", help="compare the checksums of a data set's files with the published ones", description=VERIFY
    )
    add_format_argument(listing)
    for action in (fetching, verifying):
        action.add_argument(
            "name", nargs="?", metavar="NAME", help="a name from `olsrepro data list`, such as cifar100"
        )
    fetching.add_argument(
        "--url",
        action="append",
        metavar="URL",
        help="download from this mirror (repeatable); the checksum must still match; of several archives, a URL is for "
        "the one whose file name it ends in",
    )
    for action in (listing, fetching, verifying):
        action.add_argument("--data-dir", type=Path, metavar="D", help="use this folder instead of OLSREPRO_DATA")


def run(arguments: argparse.Namespace) -> int:
    """Carry out one action; return the exit code."""
    from olsrepro.data.download.manifest import default_root

    root = (arguments.data_dir or default_root()).expanduser().absolute()
    if arguments.action == "list":
        return _list(root, arguments)
    _refuse_nameless(arguments)
    if arguments.action == "fetch":
        return _fetch(arguments.name, root, arguments.url)
    return _verify(arguments.name, root)


def _refuse_nameless(arguments: argparse.Namespace) -> None:
    from olsrepro.data.download.manifest import LABEL_FILES, SOURCES

    if arguments.name is None:
        known = ", ".join((*SOURCES, *LABEL_FILES))
        raise UserError(f"NAME is missing: name one of {known}; see olsrepro data {arguments.action} --help")


def _list(root: Path, arguments: argparse.Namespace) -> int:
    from olsrepro.data.download.status import status

    head = ("data set", "classes", "train", "test", "pixels", "state", "place")
    rows = [
        (
            item.name,
            *map(_shown, (item.num_classes, item.train_size, item.test_size, item.image_size)),
            item.state,
            item.place,
        )
        for item in status(root)
    ]
    print_listing(head, rows, arguments)
    return exit_codes.DONE


def _shown(size: int | None) -> str:
    return "-" if size is None else f"{size:,}"


def _fetch(name: str, root: Path, urls: list[str] | None) -> int:
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from olsrepro.data.download.fetch import fetch
    from olsrepro.printing.console import PrintableConsole

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    console = PrintableConsole()
    with Progress(*columns, console=console, transient=True, disable=not sys.stdout.isatty()) as bar:
        task = bar.add_task(name, total=None)
        fetch(
            name,
            root,
            urls=urls,
            say=lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    return exit_codes.DONE


def _verify(name: str, root: Path) -> int:
    from collections import Counter

    from olsrepro.data.download.checksums import MISSING, OK, WRONG
    from olsrepro.data.download.manifest import published
    from olsrepro.data.download.status import UNKNOWN, verify

    states: Counter[str] = Counter()
    for finding in verify(name, root):
        states[finding.state] += 1
        if finding.state != OK or published(name).sums:  # a list of our own may hold a million files
            print(f"{finding.state:8} {root / finding.path}" + (f": {finding.remark}" if finding.remark else ""))
    if states[MISSING] or states[WRONG]:
        print(f"olsrepro: {name} is incomplete or damaged; run `olsrepro data fetch {name}`", file=sys.stderr)
        return exit_codes.USER_MISTAKE
    print(f"{name}: {_verdict(states[OK], states[UNKNOWN])}")
    return exit_codes.DONE


def _verdict(right: int, without_sum: int) -> str:
    if without_sum:
        return "copied by hand, so there are no checksums to compare with; its images were counted"
    return f"every file is as published ({right:,})" if right else "built in; nothing to verify"
