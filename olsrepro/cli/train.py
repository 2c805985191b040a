"""Command `olsrepro train`: train one run, from its config to its record."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from olsrepro.cli import exit_codes
from olsrepro.distributed.rank_info import rank_info
from olsrepro.settings import UserError

if TYPE_CHECKING:
    from olsrepro.config.run_config import RunConfig

SUMMARY = "train one run, or resume it, and write its record"
DESCRIPTION = """\
Trains one run. Groups are chosen by name (method=ols), values are set by key (method.alpha=0.3); the defaults are
digits, resnet8, ols, preset smoke, seed 0. Kill it at any time: the same command resumes it from the last checkpoint,
bit for bit as if it had never stopped. A finished run is not trained again. The last line is `record: PATH`."""

EPILOG = f"""\
groups (`olsrepro train 'GROUP=?'` lists the choices, --dry-run shows the keys):
  dataset     images and their labels
  backbone    the network
  method      how labels supervise the network
  noise       wrong training labels: none; symmetric, asymmetric with noise.rate; a file; as a method's code draws them
  recipe      optimiser, schedule, augmentation; each data set has its own
  preset      how much of the recipe: paper (all), short (30 epochs), mini (CPU-sized), smoke (seconds)
  runtime     device, threads, checkpoints, folders; no part of the run id
and seed=N.

examples:
  olsrepro train dataset=digits backbone=resnet8 method=ols preset=smoke recipe.epochs=8 seed=3
  olsrepro train dataset=cifar100 backbone=resnet20 method=ls method.eps=0.2 preset=short
  olsrepro train dataset=cifar100 backbone=resnet56 noise=symmetric noise.rate=0.4 preset=paper --dry-run

photographs (imagenet, cub, flowers, cars, aircraft, voc):
  runtime.workers=N             processes per rank that read them; by default the rank's share of the cores
  runtime.pixel_cache=true      cache images that every epoch resizes in the same way, so that later ones decode no JPEG
  dataset.skip_unreadable=true  leave out images that can't be decoded, and record them, instead of stopping
  dataset.input_size=N          side of the images in pixels, instead of the paper's
  recipe.pretrained=true        start from published ImageNet weights, downloaded into OLSREPRO_DATA/weights; a path:
                                from that file; false: from random weights. The last layer is always random

many GPUs: `torchrun --nproc-per-node 4 -m olsrepro train ...` splits every batch among four processes;
runtime.accumulate=K splits each share into K passes. BatchNorm takes its statistics from one pass of one process. The
run id stays the same; the record says how many processes trained the run.
  torchrun --nproc-per-node 4 -m olsrepro train dataset=imagenet backbone=resnet50 method=ols preset=paper

{exit_codes.MEANINGS}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="group choices and values, in Hydra's grammar"
    )
    parser.add_argument("--fresh", action="store_true", help="move an earlier folder of this run aside and start over")
    parser.add_argument(
        "--dry-run", action="store_true", help="print config, run id, estimated cost and what would be refused"
    )
    parser.add_argument("--config-dir", type=Path, metavar="D", help="a folder with config groups of your own")


def run(arguments: argparse.Namespace) -> int:
    """Compose the run, then print or train it; return the exit code."""
    from olsrepro.config.compose import compose_run

    config = compose_run(arguments.overrides, arguments.config_dir)
    if config.runtime.keep == "grid" and not config.runtime.ensemble_sizes:
        raise UserError("runtime.keep=grid keeps an ensemble's weights: set runtime.ensemble_sizes=[6,10,15,20] too")
    if arguments.dry_run:
        return _dry_run(config)
    return _train(config, fresh=arguments.fresh)


def _dry_run(config: RunConfig) -> int:
    from olsrepro.config.to_yaml import to_yaml
    from olsrepro.launch.unready import refusals
    from olsrepro.store.cost import estimate, measured_speeds
    from olsrepro.store.folder import Store
    from olsrepro.store.identity import run_id

    print(to_yaml(config))
    print(f"run id: {run_id(config)}")
    for line in estimate(config, measured_speeds(Store(Path(config.runtime.runs_dir)))).lines():
        print(line)
    for line in refusals(config):
        print(f"train would refuse it: {line}")
    return exit_codes.DONE


def _train(config: RunConfig, *, fresh: bool) -> int:
    from olsrepro.files.lease import Held
    from olsrepro.launch.unready import finished_record, refuse_unready

    if rank_info().ranks == 1:  # several ranks look together
        if not fresh and (record := finished_record(config)) is not None:
            return _finished_already(record)
        try:
            refuse_unready(config)
        except Held as error:
            return _stop(error, exit_codes.HELD)
    return _train_now(config, fresh=fresh)


def _finished_already(record: Path) -> int:
    print(f"{record.parent.name} is finished already; --fresh would train it again\nrecord: {record}")
    return exit_codes.DONE


def _train_now(config: RunConfig, *, fresh: bool) -> int:
    from olsrepro.distributed.ranks import leave
    from olsrepro.files.lease import Held
    from olsrepro.launch.errors import Interrupted, RunFailed
    from olsrepro.launchers.dependencies import run_with_dependencies

    try:
        record = run_with_dependencies(config, fresh=fresh, waits=config.runtime.wait_for_held)
        leave()
    except Held as error:
        return _stop(error, exit_codes.HELD)
    except Interrupted as error:
        return _stop(error, exit_codes.INTERRUPTED)
    except RunFailed as error:
        return _stop(error, exit_codes.RUN_FAILED)
    print(f"record: {record}")
    return exit_codes.DONE


def _stop(error: Exception, code: int) -> int:
    if rank_info().rank == 0:  # the same on all ranks
        print(f"olsrepro: {error}", file=sys.stderr)
    return code
