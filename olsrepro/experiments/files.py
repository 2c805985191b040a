"""Experiment files: finding them by name, reading and checking them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from olsrepro.checks import did_you_mean
from olsrepro.config.locate import configs_folder
from olsrepro.experiments.experiment import AXES, AverageRow, CellKey, Claim, Experiment, Line, Printed
from olsrepro.files import plain_yaml
from olsrepro.settings import UserError

T = TypeVar("T")
PAPER_KEYS = ("n", "n_inferred", "values")
DRAWINGS = {
    "figure2": "Figure 2 is a drawing of the method; it shows no measurement, so there is nothing to run",
    "figure6": "Figure 6 is a drawing of decision boundaries; it shows no measurement, so there is nothing to run",
}
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")


def experiment_names() -> list[str]:
    """List the names of all experiments: those of ``all`` in its order, then the others."""
    return [item.name for item in experiments()]


@cache
def experiments() -> tuple[Experiment, ...]:
    """Read all experiments: those of ``all`` in its order, then the others."""
    found = (load(path.stem) for path in (configs_folder() / "experiment").glob("*.yaml"))
    return tuple(sorted(found, key=lambda item: (item.order is None, item.order or 0.0, item.name)))


def find(name: str, prefix: str) -> Experiment:
    """Find an experiment as a user names it: ``2``, ``II``, ``table2``, ``7a``, ``demo``, or a sweep's name.

    Args:
        name: as typed.
        prefix: ``table`` or ``figure``: what a bare number means.

    Raises:
        UserError: no experiment has this name, or it is a drawing.
    """
    for candidate in _candidates(name, prefix):
        if candidate in DRAWINGS:
            raise UserError(DRAWINGS[candidate])
        if (configs_folder() / "experiment" / f"{candidate}.yaml").is_file():
            return load(candidate)
    by_sweep = {item.sweep: item for item in experiments() if item.sweep}
    if name in by_sweep:
        return by_sweep[name]
    raise UserError(f"{name} is not a table, figure or sweep; {did_you_mean(name, [*experiment_names(), *by_sweep])}")


def _candidates(name: str, prefix: str) -> list[str]:
    typed = re.sub(r"[\s_-]+", "", name.lower()) if re.match(r"(?i)(table|figure)\W", name) else name.lower()
    match = re.fullmatch(r"(table|figure|fig\.?)?(.*)", typed)
    assert match is not None
    kind, rest = (match[1] or prefix).replace("fig.", "figure"), match[2]
    kind = "figure" if kind == "fig" else kind
    number = str(_ROMAN.index(rest) + 1) if rest in _ROMAN else rest
    other = "figure" if kind == "table" else "table"
    return [name.lower(), f"{kind}{number}", *([] if match[1] else [f"{other}{number}"])]


def load(name: str) -> Experiment:
    """Read the experiment in ``configs/experiment/<name>.yaml``, with the paper's rows alone.

    Raises:
        UserError: the file does not describe an experiment; the message names the key.
    """
    return load_with_extras(name).without_extras()


@cache
def load_with_extras(name: str) -> Experiment:
    """Read an experiment as :func:`load` does, with the rows that the paper does not have."""
    return read(configs_folder() / "experiment" / f"{name}.yaml")


def read(path: Path) -> Experiment:
    """Read the experiment that a file describes; :class:`UserError` names what is wrong in it."""
    try:
        tree: Any = plain_yaml.read(path)
    except ValueError as error:
        raise UserError(f"{path} can't be read: {error}") from None
    try:
        return _experiment(path.stem, tree)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: {error}") from None


def _experiment(name: str, tree: Mapping[str, Any]) -> Experiment:
    node = dict(tree)
    paper = _known_keys("paper", node.pop("paper", None) or {}, PAPER_KEYS)
    average, claims = node.pop("average", None), node.pop("claims", None) or {}
    rows, columns = (_lines(node.pop(key)) for key in ("rows", "columns"))
    parts = {
        "name": name,
        "rows": rows,
        "columns": columns,
        "average": None if average is None else _filled(AverageRow, "average", average),
        "paper": _printed(paper.get("values", {}), rows, paper.get("n")),
        "paper_n_inferred": paper.get("n_inferred"),
        "claims": tuple(_claim(str(key), claim) for key, claim in claims.items()),
    }
    experiment = _filled(Experiment, name, node | parts)
    _check_named(experiment)
    return experiment


def _known_keys(where: str, node: Mapping[str, Any], known: Sequence[str]) -> Mapping[str, Any]:
    for key in node:
        if key not in known:
            raise ValueError(f"{where} has no {key}; {did_you_mean(str(key), known)}")
    return node


def _filled(cls: type[T], where: str, node: Mapping[str, Any]) -> T:
    known = _known_keys(where, node, [item.name for item in fields(cls)])  # type: ignore[arg-type]
    return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in known.items()})


def _lines(tree: Mapping[str, Any]) -> dict[str, Line]:
    return {str(key): _line(str(key), node) for key, node in tree.items()}


def _line(key: str, node: Mapping[str, Any]) -> Line:
    also = {str(other): tuple(lines) for other, lines in node.get("also", {}).items()}
    return _filled(Line, key, {"key": key, **node, "also": also})


def _claim(key: str, node: Mapping[str, Any]) -> Claim:
    listed = {name: [node[name]] for name in ("than", "over") if isinstance(node.get(name), str)}
    return _filled(Claim, key, {"id": key, **node, **listed})


def _printed(
    tree: Mapping[str, Mapping[str, Sequence[float] | float]], rows: Mapping[str, Line], n: int | None
) -> dict[CellKey, Printed]:
    """Read ``{row: {column: [mean, sd]}}`` or ``{row: {column: mean}}``; ``n`` does not apply to an average row."""
    return {
        (str(row), str(column)): _number(value, n if str(row) in rows else None)
        for row, values in tree.items()
        for column, value in values.items()
    }


def _number(value: Sequence[float] | float, n: int | None) -> Printed:
    mean, sd = (value, None) if isinstance(value, (int, float)) else value
    return Printed(mean, sd, n)


def _check_named(experiment: Experiment) -> None:
    """Refuse names of rows and columns that do not exist."""
    average = [experiment.average.key] if experiment.average else []
    for axis, known in (("row", [*experiment.rows, *average]), ("column", [*experiment.columns])):
        for key in _named(experiment, axis):
            if key not in known:
                raise ValueError(f"{key} is not a {axis}; {did_you_mean(key, known)}")


def _named(experiment: Experiment, axis: str) -> Iterator[str]:
    """Yield the keys of an axis that the other axis' lines, printed numbers, claims and the average row name."""
    others = experiment.columns if axis == "row" else experiment.rows
    yield from (key for line in others.values() for key in line.also)
    yield from (cell[AXES.index(axis)] for cell in experiment.paper)
    for claim in experiment.claims:
        yield from filter(None, (claim.better, *claim.than)) if claim.axis == axis else claim.over
    if experiment.average and axis == "column":
        yield from (key for pair in experiment.average.baseline.items() for key in pair)
