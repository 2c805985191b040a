"""Options of a table on the command line: preset, seeds, selection rule, and changes to its runs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from olsrepro.checks import did_you_mean, whole_number
from olsrepro.config.compose import compose_many
from olsrepro.config.locate import configs_folder
from olsrepro.config.overrides import group_choices, refuse_blanks
from olsrepro.evaluation.registry import evaluation_names
from olsrepro.experiments.experiment import SELECTIONS, Experiment
from olsrepro.settings import UserError

SMOKE = "smoke"
MOST_SEEDS = 1000
"""Preset that only tests the machinery; its numbers mean nothing."""


@dataclass(frozen=True)
class Request:
    """Options that an experiment is run with.

    Attributes:
        preset: the preset of its runs; None: the experiment's own.
        seeds: of every cell; None: as many as the paper used, from 0 on; one for preset smoke.
        select: the selection rule; None: the experiment's own.
        overrides: lines that change every run, or the parameters of an evaluation, as in ``fgsm.epsilon=4/255``.
        extra: whether to include rows that the paper does not have.
    """

    preset: str | None = None
    seeds: tuple[int, ...] | None = None
    select: str | None = None
    overrides: tuple[str, ...] = ()
    extra: bool = False

    def preset_of(self, experiment: Experiment) -> str:
        """Return the preset of an experiment's runs."""
        return self.preset or experiment.preset

    def seeds_of(self, experiment: Experiment) -> tuple[int, ...]:
        """Return the seeds of every cell; only 0 where facts are measured."""
        if experiment.measure:
            return (0,)
        if self.seeds is not None:
            return self.seeds
        return tuple(range(1 if self.preset_of(experiment) == SMOKE else experiment.seeds))

    def select_of(self, experiment: Experiment) -> str:
        """Return the selection rule of an experiment's numbers."""
        return self.select or experiment.select

    @property
    def evaluation_lines(self) -> tuple[str, ...]:
        """Overrides that set parameters of evaluations."""
        return tuple(line for line in self.overrides if _is_parameter(line))

    @property
    def run_lines(self) -> tuple[str, ...]:
        """Overrides that apply to runs rather than evaluations."""
        return tuple(line for line in self.overrides if not _is_parameter(line))

    @property
    def changes(self) -> tuple[str, ...]:
        """Overrides that change what is trained or measured, which ``runtime.`` overrides never do."""
        return tuple(line for line in self.overrides if not line.startswith("runtime."))

    def words(self) -> tuple[str, ...]:
        """Return the request as words of a command line."""
        seeds = None if self.seeds is None else len(self.seeds)
        extra = "true" if self.extra else None
        named = (("preset", self.preset), ("seeds", seeds), ("select", self.select), ("extra", extra))
        return (*(f"{key}={value}" for key, value in named if value is not None), *self.overrides)

    def command(self, verb: str, experiment: Experiment) -> str:
        """Return the command that trains what an experiment lacks, named in the shortest way: ``2`` for ``table2``."""
        rest = experiment.name.removeprefix(verb)
        name = rest if rest and rest[0].isdecimal() else experiment.name
        return shlex.join(["olsrepro", verb, name, *self.words()])


def _is_parameter(line: str) -> bool:
    return line.partition("=")[0].partition(".")[0] in evaluation_names()


def runs_folder(request: Request) -> Path:
    """Return the folder of the store that a request uses."""
    lines = [line for line in request.overrides if line.startswith("runtime.")]
    return Path(compose_many([lines])[0].runtime.runs_dir)


def parse_request(lines: Sequence[str]) -> Request:
    """Read ``preset=``, ``seeds=``, ``select=`` and ``extra=``, and keep the other lines as overrides.

    Raises:
        UserError: one of them has a wrong value or is given twice, or ``seed=`` is given.
    """
    refuse_blanks(lines)
    own: dict[str, str] = {}
    rest: list[str] = []
    for line in lines:
        key, _, value = line.partition("=")
        if key == "seed":
            raise UserError(f"{line}: a table takes seeds=N, for the seeds 0 to N - 1")
        if key in own:
            raise UserError(f"{key} is given twice, {key}={own[key]} and {line}; keep one of them")
        if key in ("preset", "seeds", "select", "extra"):
            own[key] = value
        else:
            rest.append(line)
    return Request(
        _preset(own.get("preset")),
        _seeds(own.get("seeds")),
        _select(own.get("select")),
        tuple(rest),
        _extra(own.get("extra")),
    )


def _preset(value: str | None) -> str | None:
    known = group_choices("preset", [configs_folder()])
    if value is not None and value not in known:
        raise UserError(f"preset={value} is not known; {did_you_mean(value, known)}")
    return value


def _seeds(value: str | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    count = whole_number(value)
    if count is None or not 1 <= count <= MOST_SEEDS:
        raise UserError(
            f"seeds={value} must be a number of seeds, at least 1 and at most {MOST_SEEDS:,}; seeds=3 takes the seeds"
            " 0, 1 and 2"
        )
    return tuple(range(count))


def _select(value: str | None) -> str | None:
    if value is not None and value not in SELECTIONS:
        raise UserError(f"select={value} is not known; {did_you_mean(value, SELECTIONS)}")
    return value


def _extra(value: str | None) -> bool:
    if value not in (None, "true", "false"):
        raise UserError(f"extra={value} must be true or false")
    return value == "true"
