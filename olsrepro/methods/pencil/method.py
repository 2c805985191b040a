"""Label method ``pencil``: each sample's label is learnt together with the network."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.distributed.gather import gathered
from olsrepro.distributed.ranks import rank_count
from olsrepro.losses.criterion import raised, weighted_sum
from olsrepro.methods.base import LabelMethod, MethodContext, StepOutput
from olsrepro.methods.pencil.labels import correction_loss, divergence, first_scores, moved
from olsrepro.methods.pencil.settings import Settings

UNSEEN = -1


class Method(LabelMethod):
    """Cross entropy in stage 1; the joint loss of labels and network in stage 2; divergence from the labels in stage 3.

    A step of stage 2 moves the labels of its samples by the gradient of its own backward pass. Ranks add up the
    gradients of their shares of a batch's mean, so that this gradient is already that of the whole batch; they
    exchange the labels of their samples at an epoch's end.

    Attributes:
        change: float32 (N, K), change of each sample's scores from those of its given label.
        given: int64 (N,), given labels of the samples seen so far; -1 for the others.
        shown: bool (N,), the samples that this rank has seen in this epoch.
    """

    change: Tensor
    given: Tensor
    shown: Tensor

    def __init__(self, settings: Settings, context: MethodContext) -> None:
        super().__init__()
        self._settings = settings
        self._stages = settings.stages(context.epochs, context.milestones)
        self._factor = float(context.num_classes) if settings.scales_by_k else 1.0
        self._stage = 1
        self._to_move: tuple[Tensor, Tensor] | None = None
        self.register_buffer("change", torch.zeros(context.train_size, context.num_classes))
        self.register_buffer("given", torch.full((context.train_size,), UNSEEN))
        self.register_buffer("shown", torch.zeros(context.train_size, dtype=torch.bool))

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """Return the loss of the stage that the batch's epoch is in."""
        logits = network(batch.images)
        if self.training:
            self.given.index_copy_(0, batch.indices, batch.targets)
            self.shown.index_fill_(0, batch.indices, True)
        self._stage = self._stages.at(batch.epoch)
        return StepOutput(self._loss(raised(logits), batch), logits)

    @torch.no_grad()
    def after_step(self) -> None:
        """Update the labels of the batch, in stage 2."""
        if self._to_move is not None:
            indices, scores = self._to_move
            self._to_move = None
            assert scores.grad is not None, "backward was not called on the loss"
            lam = self._settings.lam / self._factor
            self.change.index_copy_(0, indices, moved(self.change[indices], scores.grad.to(self.change.dtype), lam))

    @torch.no_grad()
    def end_epoch(self) -> None:
        """Share the labels of this epoch's samples with all ranks."""
        if rank_count() > 1:
            own = self.shown.nonzero().squeeze(1)
            indices = gathered(own)
            for buffer in (self.change, self.given):
                buffer.index_copy_(0, indices, gathered(buffer[own]))
        self.shown.zero_()

    def corrected_labels(self) -> Tensor:
        """Return the class of the highest score of each sample (N,); -1 for samples not seen yet."""
        return torch.where(self.given >= 0, self._scores_of_all().argmax(1), self.given)

    def epoch_facts(self) -> Mapping[str, float]:
        """Return the stage, the percentage of labels that have changed class, and the given class's mean share."""
        seen = self.given >= 0
        changed = (self.corrected_labels() != self.given)[seen]
        shares = self._scores_of_all().softmax(1).gather(1, self.given.clamp(min=0)[:, None])[seen]
        return {
            "stage": float(self._stage),
            "labels_changed": 100 * float(changed.double().mean()),
            "given_share": float(shares.double().mean()),
        }

    def _loss(self, logits: Tensor, batch: Batch) -> Tensor:
        if self._stage == 1:
            return F.cross_entropy(logits, batch.targets)
        scores = self._scores(self.change[batch.indices], batch.targets).to(logits.dtype)
        if self._stage == 3:
            return weighted_sum((self._factor, lambda: divergence(logits.log_softmax(1), scores)))
        if self.training:
            self._to_move = batch.indices, scores.requires_grad_()
        s = self._settings
        return weighted_sum(
            (
                self._factor,
                lambda: correction_loss(logits, scores, batch.targets, alpha=s.alpha, beta=s.beta, compat=s.compat),
            )
        )

    def _scores_of_all(self) -> Tensor:
        return self._scores(self.change, self.given.clamp(min=0))

    def _scores(self, change: Tensor, targets: Tensor) -> Tensor:
        """Return the scores (B, K) that differ by ``change`` from those of the given labels (B,)."""
        return change + first_scores(targets, change.shape[1], self._settings.init_scale, change.dtype)
