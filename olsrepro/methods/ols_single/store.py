"""Predictions of training for each sample in the previous epoch and in this one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from olsrepro.distributed.gather import gathered
from olsrepro.distributed.ranks import rank_count
from olsrepro.methods.ols_single.partners import NONE, Candidates, draw_partners, list_candidates, rows_or_uniform


class PredictionStore(nn.Module):
    """Predictions of the training set in two buffers: an epoch reads those of the previous one and writes its own.

    Nothing thus depends on the order of the batches. All state is in buffers, so that training can resume exactly
    inside an epoch. Only :meth:`end_epoch` communicates and waits for the device. Under ``torch.distributed`` each rank
    writes the rows of its own samples; a state saved inside an epoch holds the rows of its rank alone, one saved at an
    epoch's end those of all.

    Args:
        train_size: N; sample indices are ``0 .. N - 1``.
        num_classes: K.
        correct_only: only correct predictions make candidates.
        dtype: dtype of the two buffers; half precision keeps a probability to 3 digits, or to 3e-8 below 6e-5.

    Attributes:
        predictions: (N, K), predicted probabilities of the previous epoch.
        next_predictions: (N, K), those of this epoch so far; 0 if there is none yet.
        next_labels: int64 (N,), the classes of the samples seen in this epoch; -1 for the others.
        next_correct: bool (N,), whether this epoch's prediction was correct.
        samples, starts, counts, places: the :class:`Candidates` of this epoch; none in the first.
    """

    predictions: Tensor
    next_predictions: Tensor
    next_labels: Tensor
    next_correct: Tensor
    samples: Tensor
    starts: Tensor
    counts: Tensor
    places: Tensor

    def __init__(
        self, train_size: int, num_classes: int, *, correct_only: bool = True, dtype: torch.dtype = torch.float16
    ) -> None:
        super().__init__()
        self.correct_only = correct_only
        self.register_buffer("predictions", torch.zeros(train_size, num_classes, dtype=dtype))
        self.register_buffer("next_predictions", torch.zeros(train_size, num_classes, dtype=dtype))
        self.register_buffer("next_labels", torch.full((train_size,), NONE))
        self.register_buffer("next_correct", torch.zeros(train_size, dtype=torch.bool))
        for name, value in list_candidates(self.next_labels, self.next_correct, num_classes)._asdict().items():
            self.register_buffer(name, value)

    @property
    def candidates(self) -> Candidates:
        """Samples that may be partners in this epoch."""
        return Candidates(self.samples, self.starts, self.counts, self.places)

    def draw(self, key: int, indices: Tensor, targets: Tensor, *, exclude_self: bool = True) -> Tensor:
        """Draw partners (B,) for samples of these indices and classes; -1 if there is none."""
        return draw_partners(self.candidates, key, indices, targets, exclude_self=exclude_self)

    def soft_labels(self, partners: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return the predictions (B, K) of the previous epoch for the partners (B,); uniform if there is none."""
        return rows_or_uniform(self.predictions, partners, dtype)

    @torch.no_grad()
    def observe(self, indices: Tensor, targets: Tensor, predictions: Tensor, correct: Tensor) -> None:
        """Store a batch's predictions for the next epoch; a sample occurs once in an epoch, on one rank.

        Args:
            indices: int64 (B,), sample indices.
            targets: int64 (B,), their classes.
            predictions: (B, K), predicted probabilities.
            correct: bool (B,), whether they were correct.
        """
        self.next_predictions.index_copy_(0, indices, predictions.to(self.next_predictions.dtype))
        self.next_labels.index_copy_(0, indices, targets)
        self.next_correct.index_copy_(0, indices, correct)

    @torch.no_grad()
    def end_epoch(self) -> None:
        """Share this epoch's rows with all ranks, make them the current ones, begin the next epoch with none.

        Every rank must call it if ranks are initialised. A sample that didn't occur in this epoch isn't a candidate.
        """
        self._share()
        seen = self.next_labels != NONE
        eligible = seen & self.next_correct if self.correct_only else seen
        for name, value in list_candidates(self.next_labels, eligible, len(self.counts))._asdict().items():
            getattr(self, name).copy_(value)
        self.predictions, self.next_predictions = self.next_predictions, self.predictions
        self.next_predictions.zero_()
        self.next_labels.fill_(NONE)
        self.next_correct.zero_()

    def _share(self) -> None:
        if rank_count() == 1:
            return
        own = (self.next_labels != NONE).nonzero().squeeze(1)
        indices = gathered(own)
        for buffer in (self.next_predictions, self.next_labels, self.next_correct):
            buffer.index_copy_(0, indices, gathered(buffer[own]))
