"""Several ranks as one run: they meet, start together or not at all, and split what can be split."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from olsrepro.config.run_config import RunConfig
from olsrepro.data.dataset import Dataset
from olsrepro.distributed.news import of_all
from olsrepro.distributed.rank_info import rank_info
from olsrepro.distributed.ranks import join, rank_count
from olsrepro.settings import UserError
from olsrepro.training.runtime import RuntimeSettings

T = TypeVar("T")
_LOST = ("gloo", "nccl", "connection closed", "connection reset", "timed out")  # in messages of torch.distributed


def meet(runtime: RuntimeSettings) -> None:
    """Meet the other ranks that ``torchrun`` has started, if there are any; every rank must call it."""
    join(cuda=runtime.device != "cpu" and torch.cuda.is_available(), timeout_s=runtime.rank_timeout_s)


def together(action: Callable[[], T]) -> T:
    """Return the result of an action on this rank, if no rank is refused it; every rank must call it.

    Raises:
        UserError: that of the first rank that was refused, on all ranks.
    """
    result, refusal = _tried(action)
    refusals = [(number, error) for number, error in enumerate(of_all(refusal)) if error is not None]
    if not refusals:
        return result[0]
    number, error = refusals[0]
    if number:
        raise UserError(f"on rank {number}: {error}")
    raise error


def _tried(action: Callable[[], T]) -> tuple[list[T], UserError | None]:
    try:
        return [action()], None
    except UserError as error:
        return [], error.with_traceback(None)


def refuse_uneven(config: RunConfig) -> None:
    """Refuse a run that can't be split among the ranks, and on each into ``runtime.accumulate`` parts.

    Raises:
        UserError: a batch that doesn't divide; a last batch with fewer images than parts; a method that needs the whole
            batch of its rank at once; fewer test images than ranks.
    """
    ranks, accumulate = rank_info().ranks, config.runtime.accumulate
    parts = ranks * accumulate
    if parts == 1:
        return
    among = f"{ranks} rank{'s' * (ranks > 1)} x runtime.accumulate={accumulate}"
    _refuse_undivided(config, parts, among)
    _refuse_small_rest(config, parts, among)
    if accumulate > 1 and not config.method.splits_steps:
        raise UserError(
            f"runtime.accumulate={accumulate} does not work with method={config.method.name}, which needs all images of"
            " a step at once: set runtime.accumulate=1, and start more ranks if a batch is too large for one"
        )
    if config.dataset.test_size < ranks:
        raise UserError(
            f"dataset={config.dataset.name} has only {config.dataset.test_size} test images for {ranks} ranks: start"
            " fewer ranks"
        )


def refuse_unlike(data: Dataset) -> None:
    """Refuse data sets from which ranks have left out different photographs; every rank must call it.

    Raises:
        UserError: names the first image that one rank can decode and another can't.
    """
    first, *others = of_all(frozenset(data.unreadable))
    for number, left_out in enumerate(others, 1):
        if differ := sorted(first ^ left_out):
            where = (0, number) if differ[0] in first else (number, 0)
            raise UserError(
                f"{differ[0]} can be decoded on rank {where[1]} but not on rank {where[0]}: all ranks need the same"
                " data set, so copy its files again where they are damaged"
            )


def _unit(config: RunConfig, parts: int) -> int:
    """Return the number that the images of a batch must be a multiple of; pairs stay together."""
    return 2 * parts if config.method.needs_pairs else parts


def _refuse_undivided(config: RunConfig, parts: int, among: str) -> None:
    size, unit = config.method.images_per_batch(config.recipe.batch_size), _unit(config, parts)
    if size % unit == 0:
        return
    below, above = size // unit * unit, -(-size // unit) * unit
    pairs = " in pairs" if config.method.needs_pairs else ""
    near = " or ".join(str(number) for number in (below, above) if number)
    raise UserError(
        f"recipe.batch_size={config.recipe.batch_size}, {size} images a step{pairs}, is not divisible by {among};"
        f" {near} images are"
    )


def _refuse_small_rest(config: RunConfig, parts: int, among: str) -> None:
    wanted = config.method.clean_set()
    aside = 0 if wanted is None or wanted.in_training else wanted.size
    size = config.method.images_per_batch(config.recipe.batch_size)
    rest = (config.dataset.train_size - aside) % size
    if 0 < rest < _unit(config, parts):
        raise UserError(
            f"recipe.batch_size={config.recipe.batch_size} leaves a last batch of {rest} training images of"
            f" dataset={config.dataset.name}, too few for {among}; choose another batch size"
        )


def ranks_text() -> str:
    """Return the number of ranks, as a line about a run shows it; empty for a single rank."""
    return f" x {rank_count()} ranks" if rank_count() > 1 else ""


def is_of_lost_rank(error: Exception) -> bool:
    """Return whether an error means that a sum over ranks found one of them gone, or waited for it too long."""
    return rank_count() > 1 and isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _LOST)
