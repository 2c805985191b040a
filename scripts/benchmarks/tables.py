"""What tables cost before and after the training: composing their runs, reading their records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from .amounts import amount_row, python_process, user_seconds

if TYPE_CHECKING:
    from olsrepro.config.run_config import RunConfig

RUNS = 666  # of all tables and figures with three seeds everywhere
RECORDS = 10_000
USER_BOUNDS = {"status": 2.0, "plan all": 6.0, "table 2 --no-train": 1.5}
"""Seconds of user time that a command may take beside so many records."""


def rows(rounds: int = 7) -> list[dict[str, Any]]:
    """Composing and validating as many runs as all tables have; tables and status from records; new processes each."""
    return [_compose(rounds), *_tables_of_a_full_store(rounds)]


def _compose(rounds: int) -> dict[str, Any]:
    program = "from benchmarks.tables import compose_runs; compose_runs()"
    seconds = [python_process("-c", program)[0] for _ in range(rounds)]
    return amount_row(f"compose_{RUNS}_runs", seconds, bound=5.0, unit="s")


def compose_runs() -> None:
    """Compose the tables' own runs under preset paper; where parts are not built yet, more seeds make up for them."""
    from olsrepro.config.compose import compose_many
    from olsrepro.experiments.awaited import missing_component
    from olsrepro.experiments.files import experiments

    cells = [item.lines_of(cell) for item in experiments() for cell in item.cells() if not item.rows[cell[0]].quoted]
    distinct = [lines for lines in dict.fromkeys(cells) if not missing_component(lines)]
    requests = ([*lines, "preset=paper", f"seed={seed}"] for seed in count() for lines in distinct)
    assert len(compose_many(islice(requests, RUNS))) == RUNS


def _tables_of_a_full_store(rounds: int) -> list[dict[str, Any]]:
    """Table II of its records alone, then Table II and `status` beside ten thousand other records."""
    with TemporaryDirectory() as root:
        environment = {"OLSREPRO_RUNS": root, "COLUMNS": "160"}
        _fill(Path(root), table2_configs())
        small = _measured(["table", "2", "--no-train"], environment, rounds)
        _fill(Path(root), many_configs(RECORDS))
        large = {
            "table2": _measured(["table", "2", "--no-train"], environment, rounds),
            "status": _measured(["status"], environment, rounds),
        }
        user = _user_rows(environment, rounds)
    rows = [amount_row("table2_from_165_records", [seconds for seconds, _ in small], bound=1.5, unit="s")]
    for name, measured in large.items():
        seconds, memory = zip(*measured, strict=True)
        rows.append(amount_row(f"{name}_of_{RECORDS}_records", seconds, bound=3.0, unit="s"))
        rows.append(amount_row(f"{name}_of_{RECORDS}_records_memory", memory, bound=500.0, unit="MB"))
    return rows + user


def _user_rows(environment: Mapping[str, str], rounds: int) -> list[dict[str, Any]]:
    """What commands take of the processor, which other work on the machine changes less than the time by the clock."""
    return [
        amount_row(
            f"{command.split()[0]}_of_{RECORDS}_records_user",
            [user_seconds("-m", "olsrepro", *command.split(), environment=environment) for _ in range(rounds)],
            bound=bound,
            unit="s",
        )
        for command, bound in USER_BOUNDS.items()
    ]


def _measured(arguments: Sequence[str], environment: Mapping[str, str], rounds: int) -> list[tuple[float, float]]:
    return [python_process("-m", "olsrepro", *arguments, environment=environment) for _ in range(rounds)]


def table2_configs() -> list[RunConfig]:
    """Table II's 165 runs; the methods that are not built yet stand for by one that is, with another constant each."""
    from olsrepro.config.compose import compose_many
    from olsrepro.experiments.awaited import missing_component
    from olsrepro.experiments.files import load

    table2 = load("table2")
    requests = []
    for number, cell in enumerate(table2.cells()):
        lines = table2.lines_of(cell)
        if missing_component(lines):
            lines = (*table2.base, *table2.columns[cell[1]].run, "method=ls", f"method.eps=0.{number + 100}")
        requests += [[*lines, "preset=paper", f"seed={seed}"] for seed in range(3)]
    return compose_many(requests)


def many_configs(count: int) -> list[RunConfig]:
    """As many runs of a small network as asked for, told apart by seed."""
    from olsrepro.config.compose import compose_run

    config = compose_run(["dataset=cifar100", "backbone=resnet20", "method=ols", "preset=short"])
    return [replace(config, seed=seed) for seed in range(count)]


def _fill(root: Path, configs: Iterable[RunConfig]) -> None:
    """A record for every run, as long as a real one, written without waiting for the disk."""
    from olsrepro.store import record as records
    from olsrepro.store.identity import canonical, run_id

    for config in configs:
        name = run_id(config)
        record = {"run_id": name, **_finished(config), "canonical": canonical(config)}
        (root / name).mkdir()
        (root / name / records.NAME).write_text(records.with_digest(record))


def _finished(config: RunConfig) -> dict[str, Any]:
    errors = {"top1_err": 25.0 + config.seed % 7 / 10, "top5_err": 6.0, "epoch": config.recipe.epochs}
    described = config.as_dict()
    runtime = described.pop("runtime")
    return {
        "config": described,
        "runtime": runtime,
        "status": "finished",
        "errors": {"last": errors, "best": errors, "mean_of_last_ten": errors},
        "noise": {
            "kind": "none",
            "measured_rate": 0.0,
            "flipped": 0,
            "labels_sha256": "0" * 64,
        },
        "training": {"images": 1, "seconds": 1.0, "images_per_s": 1.0, "device": "cpu"},
        "files": {"best.pt": "0" * 64, "last.pt": "0" * 64},
        "bitwise": True,
        "history": [_process()],
        "finished": "2026-01-01T00:00:00+00:00",
    }


@cache
def _process() -> dict[str, Any]:
    import torch

    from olsrepro.launch.provenance import this_process
    from olsrepro.training.runtime import RuntimeSettings

    return this_process(RuntimeSettings(), torch.device("cpu"))
