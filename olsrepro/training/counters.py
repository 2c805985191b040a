"""Counters of an epoch's training: kept on the device, read once at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from olsrepro.data.batch import Batch
from olsrepro.distributed.ranks import is_first
from olsrepro.distributed.sums import lowest, summed, total_of
from olsrepro.evaluation.classification import percent_wrong, predicted
from olsrepro.methods.base import StepOutput

NO_STEP = 2**62


@dataclass(frozen=True)
class TrainingCounts:
    """Exact counts over the samples of an epoch, by label status.

    ``kept`` and ``flipped`` are samples seen; ``hit_*`` those whose predicted class equals the given label (kept), the
    given wrong one or the true one (flipped). Always the *given* label, from the training logits of the step.
    """

    kept: int
    flipped: int
    hit_kept: int
    hit_flipped_wrong: int
    hit_flipped_true: int
    mean_loss: float

    @property
    def train_err(self) -> float:
        """Error in percent against the given labels, while training (batch statistics, augmented images)."""
        return percent_wrong(self.hit_kept + self.hit_flipped_wrong, self.kept + self.flipped)


class StepCounters:
    """Images, loss, and the step of the first loss that was not finite, of one epoch; no step waits for the device.

    Each rank counts its own samples; reading sums over all ranks, so every rank must read.
    """

    def __init__(self, device: torch.device) -> None:
        self._images = 0
        self._loss = torch.zeros((), dtype=torch.float64, device=device)
        self._bad_step = torch.full((), NO_STEP, dtype=torch.int64, device=device)

    def reset(self) -> None:
        """Set all counts to zero for a new epoch."""
        self._images = 0
        self._loss.zero_()
        self._bad_step.fill_(NO_STEP)

    @torch.no_grad()
    def count_step(self, step: int, images: int, loss: Tensor) -> None:
        """Count a step's images and their mean loss."""
        loss = loss.detach().double()
        self._loss += loss * images
        self._images += images
        self._bad_step.masked_fill_(~loss.isfinite() & (self._bad_step > step), step)

    def first_bad_step(self) -> int | None:
        """Return the epoch's first step with a loss that is not finite, None without one (reads the device)."""
        step = int(lowest(self._bad_step))
        return None if step == NO_STEP else step

    def images(self) -> int:
        """Count the images that steps trained on (reads the device)."""
        return int(total_of(self._images, self._loss))

    def mean_loss(self) -> float:
        """Return the mean loss over the images (reads the device)."""
        return float(summed(self._loss)) / max(1, self.images())

    def state_dict(self) -> dict[str, Any]:
        """Return the running counts, for a checkpoint inside an epoch."""
        return {"images": self._images, "loss": self._loss, "bad_step": self._bad_step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from counts taken with :meth:`state_dict`."""
        self._images = state["images"]
        self._loss.copy_(state["loss"])
        self._bad_step.copy_(state["bad_step"])


class EpochCounters(StepCounters):
    """Step counters that also count hits by label status.
    Args:
        true_targets: the labels before noise, (N,) on the device.
    """

    def __init__(self, true_targets: Tensor) -> None:
        super().__init__(true_targets.device)
        self._true = true_targets
        self._counts = torch.zeros(5, dtype=torch.int64, device=true_targets.device)

    def reset(self) -> None:
        """Set all counts to zero for a new epoch."""
        super().reset()
        self._counts.zero_()

    @torch.no_grad()
    def add(self, step: int, batch: Batch, output: StepOutput) -> None:
        """Count the samples, hits and loss of one step's batch."""
        if output.logits is not None:
            self._counts += _counted(predicted(output.logits), batch.targets, self._true[batch.indices])
        self.count_step(step, len(batch.targets), output.loss)

    @torch.no_grad()
    def count_instead(self, predictions: Tensor, given: Tensor) -> None:
        """Replace the counts by those of predicted classes (N,), -1 for none, against the given labels (N,).

        Every rank has the predictions of all samples, which the first one counts.
        """
        seen = predictions >= 0
        counts = _counted(predictions[seen], given[seen], self._true[seen])
        self._counts.copy_(counts if is_first() else torch.zeros_like(counts))

    @torch.no_grad()
    def share_true(self, labels: Tensor) -> float:
        """Return the share of labels (N,), where they are not -1, that are the true classes (reads the device)."""
        seen = labels >= 0
        return float((labels[seen] == self._true[seen]).double().mean())

    def read(self) -> TrainingCounts:
        """Return the counts so far (reads the device)."""
        kept, flipped, hit_kept, hit_wrong, hit_true = (int(count) for count in summed(self._counts).tolist())
        return TrainingCounts(kept, flipped, hit_kept, hit_wrong, hit_true, self.mean_loss())

    def state_dict(self) -> dict[str, Any]:
        """Return the running counts, for a checkpoint inside an epoch."""
        return super().state_dict() | {"counts": self._counts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from counts taken with :meth:`state_dict`."""
        super().load_state_dict(state)
        self._counts.copy_(state["counts"])


def _counted(guess: Tensor, given: Tensor, true: Tensor) -> Tensor:
    """Count kept, flipped, hit and kept, hit and flipped, flipped and true samples, int64 (5,), of (B,) each."""
    hit, flipped = guess == given, true != given
    kept = ~flipped
    return torch.stack([kept, flipped, hit & kept, hit & flipped, (guess == true) & flipped]).sum(dim=1)
