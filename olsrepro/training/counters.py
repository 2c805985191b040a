"""What is counted while an epoch trains: on the device, read once at its end."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from olsrepro.data.batch import Batch
from olsrepro.evaluation.classification import percent_wrong, predicted
from olsrepro.methods.base import StepOutput


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


class EpochCounters:
    """Running counts of one epoch and the step of the first loss that was not finite; no step waits for the device.

    Args:
        true_targets: the labels before noise, (N,) on the device.
    """

    def __init__(self, true_targets: Tensor) -> None:
        self._true = true_targets
        self._counts = torch.zeros(5, dtype=torch.int64, device=true_targets.device)
        self._loss = torch.zeros((), dtype=torch.float64, device=true_targets.device)
        self._bad_step = torch.full((), -1, dtype=torch.int64, device=true_targets.device)

    def reset(self) -> None:
        """Start a new epoch."""
        self._counts.zero_()
        self._loss.zero_()
        self._bad_step.fill_(-1)

    @torch.no_grad()
    def add(self, step: int, batch: Batch, output: StepOutput) -> None:
        """Count one step's batch."""
        guess, true = predicted(output.logits), self._true[batch.indices]
        hit, flipped = guess == batch.targets, true != batch.targets
        kept = ~flipped
        self._counts += torch.stack([kept, flipped, hit & kept, hit & flipped, (guess == true) & flipped]).sum(dim=1)
        loss = output.loss.detach().double()
        self._loss += loss * len(batch.targets)
        first_bad = (self._bad_step < 0) & ~loss.isfinite()
        self._bad_step.masked_fill_(first_bad, step)

    def first_bad_step(self) -> int | None:
        """The epoch's first step with a loss that is not finite (reads the device)."""
        step = int(self._bad_step)
        return None if step < 0 else step

    def read(self) -> TrainingCounts:
        """The counts so far (reads the device)."""
        kept, flipped, hit_kept, hit_wrong, hit_true = (int(count) for count in self._counts.tolist())
        return TrainingCounts(kept, flipped, hit_kept, hit_wrong, hit_true, float(self._loss) / max(1, kept + flipped))

    def state_dict(self) -> dict[str, Tensor]:
        """The running counts, for a checkpoint inside an epoch."""
        return {"counts": self._counts, "loss": self._loss, "bad_step": self._bad_step}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from counts taken with :meth:`state_dict`."""
        self._counts.copy_(state["counts"])
        self._loss.copy_(state["loss"])
        self._bad_step.copy_(state["bad_step"])
