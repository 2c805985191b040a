"""Kullback-Leibler divergence of label distributions, and the ways to average it."""

from __future__ import annotations

import torch
from torch import Tensor


def divergence(human: Tensor, log_model: Tensor) -> Tensor:
    """Compute KL(human || model) of each row in nats: Σ h · (ln h - ln q), float64 (N,).

    Where h is 0 a class adds 0, whatever q is; where h isn't and q is 0, the divergence is infinite.

    Args:
        human: (N, K), rows sum to 1.
        log_model: natural logarithms of the model's probabilities, (N, K).
    """
    human, log_model = human.double(), log_model.double()
    terms = human * (human.log() - log_model)
    return terms.where(human != 0, torch.zeros_like(terms)).sum(dim=1)


def divergence_of_logits(human: Tensor, logits: Tensor) -> Tensor:
    """Compute the divergence from softmax(logits), which no logit is small enough to make 0: float64 (N,)."""
    return divergence(human, logits.double().log_softmax(dim=1))


def mean_of_batch_means(values: Tensor, chosen: Tensor, batch_size: int) -> float:
    """Average the batches' means over their chosen samples, unweighted; a batch without any is left out.

    Args:
        values: (N,), cut in order into batches of ``batch_size``; the last may be short.
        chosen: bool (N,), at least one true.
        batch_size: samples in a batch, before any is chosen.
    """
    batches = zip(torch.split(values, batch_size), torch.split(chosen, batch_size), strict=True)
    means = [batch[wanted].mean() for batch, wanted in batches if wanted.any()]
    return float(torch.stack(means).mean())


def class_means(human: Tensor, targets: Tensor) -> Tensor:
    """Average the human labels of each class's images: float64 (K, K), row y for class y; NaN for one without images.

    Args:
        human: (N, K).
        targets: int64 (N,), true classes.
    """
    classes = torch.nn.functional.one_hot(targets, human.shape[1]).double()
    return classes.T @ human.double() / classes.sum(dim=0)[:, None]


def class_divergence(human: Tensor, targets: Tensor, soft_labels: Tensor) -> Tensor:
    """Compute KL(mean human labels of a class || its soft label) in nats: float64 (K,).

    Args:
        human: (N, K).
        targets: int64 (N,), true classes.
        soft_labels: (K, K), row y for class y.
    """
    return divergence(class_means(human, targets), soft_labels.double().log())
