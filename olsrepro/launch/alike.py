"""Comparison of ranks before they train together: one run, one code, one data set, one network to start from."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import nn

from olsrepro.data.dataset import Dataset, digest
from olsrepro.distributed.news import of_all
from olsrepro.distributed.ranks import rank_count
from olsrepro.launch.inputs.base import Inputs
from olsrepro.launch.job import Job
from olsrepro.launch.provenance import sources_sha256, versions
from olsrepro.settings import UserError
from olsrepro.training.learner import Learner
from olsrepro.training.runtime import OF_A_MACHINE

_NAMED = 3
_LONGEST = 40

Facts = Mapping[str, object]


def refuse_unlike_runs(job: Job, *, fresh: bool) -> None:
    """Refuse ranks that are about to train different runs, or by different code; every rank must call it.

    Raises:
        UserError: names the keys, versions or code in which a rank differs from the first one.
    """
    _refuse_unlike(
        lambda: _facts_of_run(job, fresh), "start the same command, with the same code and versions, on every machine"
    )


def refuse_unlike_devices(device: torch.device) -> None:
    """Refuse ranks that train on different kinds of device (:class:`UserError`); every rank must call it."""
    _refuse_unlike(lambda: {"device": device.type}, "set runtime.device to a kind that every rank has")


def refuse_unlike_inputs(inputs: Inputs) -> None:
    """Refuse ranks that have read different data; every rank must call it.

    Photographs are compared by their names and sizes, images in memory and labels by their contents.

    Raises:
        UserError: names what differs, or the first image that one rank can decode and another can't.
    """
    _refuse_unlike_unreadable(inputs.data)
    _refuse_unlike(
        inputs.digests,
        "all ranks need the same data set, so copy its files again",
        shows_values=False,
    )


def refuse_unlike_weights(learner: Learner, teacher: nn.Module | None) -> None:
    """Refuse ranks that start from different weights or learn from different teachers; every rank must call it.

    Where it passes, every rank has the first one's initial weights, bit for bit.

    Raises:
        UserError: names what differs, and the rank.
    """
    _refuse_unlike(
        lambda: {
            "the initial weights": digest(*_tensors(learner.network, learner.method)),
            "the teacher's weights": None if teacher is None else digest(*_tensors(teacher)),
        },
        "use the same versions on every machine, and one OLSREPRO_RUNS",
        shows_values=False,
    )


def _refuse_unlike(facts: Callable[[], Facts], remedy: str, *, shows_values: bool = True) -> None:
    if rank_count() == 1:
        return
    (_, first), *others = of_all((socket.gethostname(), dict(facts())))
    for number, (host, found) in enumerate(others, 1):
        if names := _differing(found, first):
            told = [_told(name, found, first) if shows_values else name for name in names[:_NAMED]]
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            raise UserError(f"rank {number} on {host} differs from rank 0 in {', '.join(told)}{more}: {remedy}")


def _differing(found: Facts, first: Facts) -> list[str]:
    return [name for name in {**first, **found} if found.get(name) != first.get(name)]


def _told(name: str, found: Facts, first: Facts) -> str:
    theirs, ours = (_short(facts.get(name, "absent")) for facts in (found, first))
    return f"{name} ({theirs}, not {ours})"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _facts_of_run(job: Job, fresh: bool) -> Facts:
    """Return what must be alike, what a user has typed before what follows from it."""
    runtime = {key: value for key, value in asdict(job.config.runtime).items() if key not in OF_A_MACHINE}
    config = job.about()["config"]
    config["recipe"].pop("pretrained", None)  # a path of the machine; recipe.start says which weights these are
    typed = {**dict(_flat(config)), **dict(_flat({"runtime": runtime})), "--fresh": fresh}
    return {**typed, **versions(), "the sources of olsrepro": sources_sha256()[:12], "run id": job.run_id}


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _refuse_unlike_unreadable(data: Dataset) -> None:
    first, *others = of_all(frozenset(data.unreadable))
    for number, left_out in enumerate(others, 1):
        if differ := sorted(first ^ left_out):
            where = (0, number) if differ[0] in first else (number, 0)
            raise UserError(
                f"{differ[0]} can be decoded on rank {where[1]} but not on rank {where[0]}: all ranks need the same"
                " data set, so copy its files again where they are damaged"
            )


def _tensors(*modules: nn.Module) -> Iterator[torch.Tensor]:
    """Yield what a network and a method start from; a method's buffers follow from the run."""
    network, *others = modules
    yield from network.state_dict().values()
    for module in others:
        yield from module.parameters()
