"""Sweeps typed on the command line, in Hydra's grammar: their axes become the rows and columns of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from olsrepro.checks import did_you_mean, whole_number
from olsrepro.config.compose import DEFAULT_PRESET
from olsrepro.config.sweeps import swept_values
from olsrepro.experiments.experiment import Experiment, Line
from olsrepro.experiments.files import experiments
from olsrepro.experiments.request import Request, parse_request
from olsrepro.settings import UserError

Axes = Mapping[str, Sequence[str]]

METRICS = {"top1_err": "top-1 error (%)", "top5_err": "top-5 error (%)"}


def typed_sweep(lines: Sequence[str]) -> tuple[Experiment, Request]:
    """Read an experiment and a request from lines such as ``method.alpha=0.1,0.3 seed=0,1,2 dataset=digits``.

    Keys with several values (``a,b``, ``range(0,3)``, ``choice(a,b)``) are axes: the last one makes the columns, the
    others the rows; a single axis makes the rows, with the top-1 and the top-5 error as columns. ``seed`` is not an
    axis: cells are means over seeds.

    Raises:
        UserError: nothing has several values, or a line can't be read.
    """
    values = dict(map(swept_values, lines))
    if len(values) < len(lines):
        raise UserError("a key is given twice; give all its values at once, as in method.alpha=0.1,0.3")
    own = {key: values.pop(key)[0] for key in ("preset", "select") if key in values}
    seeds = _seeds(values.pop("seed", ["0"]))
    axes = {key: options for key, options in values.items() if len(options) > 1}
    if not axes and len(seeds) < 2:
        raise UserError("nothing is swept; give a key several values, as in method.alpha=0.1,0.3,0.5 or seed=0,1,2")
    fixed = tuple(f"{key}={options[0]}" for key, options in values.items() if key not in axes)
    request = Request(own.get("preset", DEFAULT_PRESET), seeds, own.get("select"), ())
    return _experiment(axes, fixed, len(seeds)), request


def _experiment(axes: Axes, fixed: tuple[str, ...], seeds: int) -> Experiment:
    names = list(axes)
    row_axes, column_axis = (names[:-1], names[-1]) if len(names) > 1 else (names, "")
    columns = _lines({column_axis: axes[column_axis]}) if column_axis else _metric_columns()
    return Experiment(
        name="sweep",
        title=f"Sweep over {', '.join(names) or 'seeds'}" + (f" ({' '.join(fixed)})" if fixed else ""),
        seeds=seeds,
        select="last",
        base=fixed,
        rows=_lines({name: axes[name] for name in row_axes}),
        columns=columns,
        stand_ins=False,
    )


def _metric_columns() -> dict[str, Line]:
    return {name: Line(name, label, metric=name) for name, label in METRICS.items()}


def _lines(axes: Axes) -> dict[str, Line]:
    """Make one line for each combination of values; a single one without axes."""
    found = {}
    for values in product(*axes.values()):
        run = tuple(f"{key}={value}" for key, value in zip(axes, values, strict=True))
        label = ", ".join(run) or "all"
        found[label] = Line(label, label, run)
    return found


def _seeds(options: Sequence[str]) -> tuple[int, ...]:
    return tuple(map(_seed, options))


def _seed(option: str) -> int:
    seed = whole_number(option)
    if seed is None:
        raise UserError(f"seed={option} must be a whole number of at least 0, of at most 18 digits")
    return seed


def named_sweep(names: Sequence[str], words: Sequence[str]) -> tuple[Experiment, Request]:
    """Find a sweep of the paper by name, with overrides, as in ``alpha dataset=digits``.

    Raises:
        UserError: the name is unknown, or more than one is given.
    """
    known = {item.sweep: item for item in experiments() if item.sweep}
    if len(names) > 1:
        raise UserError(
            f"{' '.join(names)}: one sweep at a time, or keys with several values, as in method.alpha=0.1,0.3"
        )
    if names[0] not in known:
        raise UserError(f"{names[0]} is not a sweep; {did_you_mean(names[0], known)}")
    return known[names[0]], parse_request([word for word in words if "=" in word])
