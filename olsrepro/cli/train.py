"""`olsrepro train`: one run, from composing to its record."""

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

SUMMARY = "train one run, or go on with it, and leave its record"
DESCRIPTION = """\
Trains one run. Groups are chosen by name (method=ols), values are set by key (method.alpha=0.3); with nothing said
it is digits, resnet8, ols, preset smoke, seed 0. Interrupted or killed, the same command goes on from the last
checkpoint, bitwise as if it had not stopped; finished, it trains nothing. The last line is `record: PATH`."""

EPILOG = f"""\
groups (`olsrepro train 'GROUP=?'` tells the choices, --dry-run shows the keys):
  dataset     what is learnt
  backbone    the network
  method      how labels supervise it
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
  runtime.workers=N             processes a rank that read them; by default as many as it has cores
  runtime.pixel_cache=true      keep what every epoch resizes alike as pixels, so that later ones decode no JPEG
  dataset.skip_unreadable=true  leave out what can't be decoded, and record it, instead of stopping before training
  dataset.input_size=N          pixels of a side, instead of the paper's
  recipe.pretrained=true        start from published ImageNet weights, fetched into OLSREPRO_DATA/weights; or a file's
                                path; or false, from drawn ones. The last layer is always drawn

many GPUs: `torchrun --nproc-per-node 4 -m olsrepro train ...` splits every batch among four processes, and
runtime.accumulate=K splits each one's share into K passes. BatchNorm sees what one process has in one pass; the run id
is the same, the record says how many worked at it.
  torchrun --nproc-per-node 4 -m olsrepro train dataset=imagenet backbone=resnet50 method=ols preset=paper

{exit_codes.MEANINGS}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="group choices and values, in Hydra's grammar"
    )
    parser.add_argument("--fresh", action="store_true", help="move an earlier folder of this run aside and start anew")
    parser.add_argument("--dry-run", action="store_true", help="print config, run id and estimated cost; train nothing")
    parser.add_argument("--config-dir", type=Path, metavar="D", help="a folder of config groups of your own")


def run(arguments: argparse.Namespace) -> int:
    """Compose, then print or train; the exit code."""
    from olsrepro.config.compose import compose_run

    config = compose_run(arguments.overrides, arguments.config_dir)
    if config.runtime.keep == "grid" and not config.runtime.ensemble_sizes:
        raise UserError("runtime.keep=grid keeps the epochs of ensembles: set runtime.ensemble_sizes=[6,10,15,20] too")
    if arguments.dry_run:
        return _dry_run(config)
    return _train(config, fresh=arguments.fresh)


def _dry_run(config: RunConfig) -> int:
    from olsrepro.config.to_yaml import to_yaml
    from olsrepro.store.cost import estimate, measured_speeds
    from olsrepro.store.folder import Store
    from olsrepro.store.identity import run_id

    print(to_yaml(config))
    print(f"run id: {run_id(config)}")
    for line in estimate(config, measured_speeds(Store(Path(config.runtime.runs_dir)))).lines():
        print(line)
    return exit_codes.DONE


def _train(config: RunConfig, *, fresh: bool) -> int:
    from olsrepro.distributed.ranks import leave
    from olsrepro.files.lease import Held
    from olsrepro.launch.errors import Interrupted, RankFailed, RunFailed
    from olsrepro.launchers.dependencies import run_with_dependencies

    try:
        record = run_with_dependencies(config, fresh=fresh)
        leave()
    except Held as error:
        return _stop(error, exit_codes.HELD)
    except Interrupted as error:
        return _stop(error, exit_codes.INTERRUPTED)
    except RankFailed as error:
        print(f"olsrepro: {error}", file=sys.stderr)
        return exit_codes.RUN_FAILED
    except RunFailed as error:
        return _stop(error, exit_codes.RUN_FAILED)
    print(f"record: {record}")
    return exit_codes.DONE


def _stop(error: Exception, code: int) -> int:
    if rank_info().rank == 0:  # it is the same on all ranks
        print(f"olsrepro: {error}", file=sys.stderr)
    return code
