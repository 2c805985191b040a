"""Mean of the outputs of several models for the same images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from torch import Tensor

from olsrepro.evaluation.classification import softmax


def _scores(logits: Tensor) -> Tensor:
    return logits.float()


_VOTES: Mapping[str, Callable[[Tensor], Tensor]] = {"softmax": softmax, "logits": _scores}


def ensemble_mean(logits: Iterable[Tensor], average: str = "softmax") -> Tensor:
    """Average the outputs of several models: float32 (N, K).

    Args:
        logits: (N, K) of each model; one is held at a time.
        average: ``softmax``, the mean of their probabilities (paper, Equation 10), or ``logits``, of their logits.

    Raises:
        ValueError: there is no model.
    """
    vote, total, models = _VOTES[average], None, 0
    for one in logits:
        total = vote(one) if total is None else total + vote(one)
        models += 1
    if total is None:
        raise ValueError("an ensemble needs at least one model")
    return total / models
