"""Several ranks as one run: they meet, start together or not at all, and split what can be split."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from olsrepro.config.run_config import RunConfig
from olsrepro.distributed.news import of_all
from olsrepro.distributed.presence import UNKNOWN, Presence, RankLost
from olsrepro.distributed.rank_info import rank_info
from olsrepro.distributed.ranks import join, presence, rank, rank_count
from olsrepro.files.lease import Held
from olsrepro.launch.errors import Interrupted, OfOneRank, RankFailed, RankGone, RunFailed
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


def smallest_part(config: RunConfig) -> int:
    """Count the images of the smallest part that a rank's share of a step is split into."""
    size, rest = _size_and_rest(config)
    return (rest or size) // (rank_info().ranks * config.runtime.accumulate)


def _size_and_rest(config: RunConfig) -> tuple[int, int]:
    """Count the images of a step, and of the last one of an epoch where that is smaller, else 0."""
    wanted = config.method.clean_set()
    aside = 0 if wanted is None or wanted.in_training else wanted.size
    size, images = config.method.images_per_batch(config.recipe.batch_size), config.dataset.train_size - aside
    return min(size, images), images % size if images > size else 0


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
    size, rest = _size_and_rest(config)
    if 0 < (rest or size) < _unit(config, parts):
        raise UserError(
            f"recipe.batch_size={config.recipe.batch_size} leaves a last batch of {rest or size} training images of"
            f" dataset={config.dataset.name}, too few for {among}; choose another batch size"
        )


def ranks_text() -> str:
    """Return the number of ranks, as a line about a run shows it; empty for a single rank."""
    return f" x {rank_count()} ranks" if rank_count() > 1 else ""


def is_of_lost_rank(error: BaseException) -> bool:
    """Return whether an error means that another rank is gone, or was waited for too long in a sum over ranks."""
    if isinstance(error, RankLost):
        return True
    return rank_count() > 1 and isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _LOST)


def tell_failure(error: BaseException) -> None:
    """Tell the other ranks at once that this one failed, so that they don't wait for it."""
    if (here := presence()) is not None:
        here.fail(_line_of(error))


@contextmanager
def ending_together(runtime: RuntimeSettings) -> Iterator[None]:
    """Have all ranks learn of whatever ends a run on one of them; a single process does nothing.

    Raises:
        RankFailed: this rank failed by itself, or another one did.
        RankGone: another rank was killed, stopped or too slow, or this one alone had to stop; the run can be resumed.
    """
    try:
        yield
    except OfOneRank:  # as an inner call of this has said already
        raise
    except BaseException as error:
        here = presence()
        if here is None:
            raise
        if is_of_lost_rank(error):
            raise _parted(error, here, runtime) from error
        here.fail(_line_of(error))
        if not isinstance(error, Exception) or here.all_failed(_line_of(error)):
            raise
        raise _own_end(error) from error


def _own_end(error: Exception) -> RankFailed | RankGone:
    if isinstance(error, RunFailed):
        return RankFailed(str(error))
    kind = RankGone if isinstance(error, Interrupted | Held) else RankFailed
    return kind(f"on rank {rank()}: {_line_of(error)}")


def _parted(error: BaseException, here: Presence, runtime: RuntimeSettings) -> RankFailed | RankGone:
    """Return how this rank ends once it has lost another one, which it tells the rest."""
    lost = error if isinstance(error, RankLost) else here.lost_rank() or _slow(runtime)
    here.give_up(lost)
    if lost.failed:  # where it failed it speaks for itself
        return RankFailed(str(lost), speaks=rank() == 0)
    is_heard = rank() == 0 or lost.rank == 0
    return RankGone(f"{lost}; the same command resumes from the last checkpoint", speaks=is_heard)


def _slow(runtime: RuntimeSettings) -> RankLost:
    return RankLost(
        f"all ranks live, but one was slower in a step than runtime.rank_timeout_s={runtime.rank_timeout_s:g} seconds:"
        " set it higher if that was no accident",
        UNKNOWN,
    )


def _line_of(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
