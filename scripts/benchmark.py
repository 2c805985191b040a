"""What the software costs: `python scripts/benchmark.py [GROUP ...]`.

A row is a paired, interleaved measurement within one run: the median ratio, its 95 % interval, and the bound that it
must keep. Rows of the groups `tables`, `evaluations` and `rank_start` are amounts instead, with bounds in seconds. Rows
are appended to results/speed/<group>.csv with the machine and the commit they come from. Quiet machines only: other
work on the same cores makes threads wait for one another.
"""

from __future__ import annotations

import argparse
import csv
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from olsrepro.launch.provenance import this_process
from olsrepro.training.memory import spare_page_faults
from olsrepro.training.runtime import RuntimeSettings

GROUPS = (
    "criterion",
    "loader",
    "host_loader",
    "training",
    "methods",
    "noisy",
    "attacks",
    "evaluations",
    "san",
    "detection",
    "tables",
    "ranks",
    "rank_start",
)
RESULTS = Path(__file__).resolve().parent.parent / "results" / "speed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; all by default")
    parser.add_argument("--threads", type=int, help="CPU threads of torch")
    arguments = parser.parse_args()
    if unknown := set(arguments.groups) - set(GROUPS):
        parser.error(f"unknown group {', '.join(sorted(unknown))}; of {', '.join(GROUPS)}")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    spare_page_faults()  # as a run does
    for group in arguments.groups or GROUPS:
        for measured in import_module(f"benchmarks.{group}").rows():
            _show(measured)
            _keep(group, measured)


def _show(measured: dict[str, Any]) -> None:
    verdict = "holds" if measured["holds"] else "FAILS"
    print(f"{measured['name']:38} {(_amount if 'unit' in measured else _ratio)(measured, verdict)}", flush=True)


def _ratio(measured: dict[str, Any], verdict: str) -> str:
    return (
        f"{measured['median_ratio']:8.3f}  [{measured['low']:.3f}, {measured['high']:.3f}]"
        f"  bound {measured['bound']:g} {verdict}  ({measured['rounds']} pairs,"
        f" {measured['first_ms']:.3f} ms and {measured['second_ms']:.3f} ms)"
    )


def _amount(measured: dict[str, Any], verdict: str) -> str:
    unit = measured["unit"]
    return (
        f"{measured['median']:8.2f} {unit}  [{measured['low']:.2f}, {measured['high']:.2f}]"
        f"  bound {measured['bound']:g} {unit} {verdict}  ({measured['rounds']} processes)"
    )


def _keep(group: str, measured: dict[str, Any]) -> None:
    here = this_process(RuntimeSettings(), torch.device("cpu"))
    place = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "device": here["device"],
        "threads": here["threads"],
        "torch": here["torch"],
        "commit": here["code"]["commit"],
    }
    path = RESULTS / f"{group}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=[*measured, *place])
        if is_new:
            writer.writeheader()
        writer.writerow({key: f"{v:.4g}" if isinstance(v, float) else v for key, v in (measured | place).items()})


if __name__ == "__main__":
    main()
