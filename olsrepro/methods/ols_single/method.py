"""Label method ``ols_single``: the soft label is the prediction for one other sample of the class."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.losses.criterion import cross_entropy, is_training_pass, raised, weighted_sum
from olsrepro.methods.base import LabelMethod, MethodContext, StepOutput
from olsrepro.methods.ols_single.partners import NONE, draw_partners_in_batch, rows_or_uniform
from olsrepro.methods.ols_single.settings import Settings
from olsrepro.methods.ols_single.still_statistics import still_statistics
from olsrepro.methods.ols_single.store import PredictionStore
from olsrepro.randomness import address


class Method(LabelMethod):
    """Loss ``alpha CE(y, z) + (1 - alpha) CE(Q, z)``, Q the prediction for a partner of the same class, a constant.

    In the mean over all partners of the previous epoch this is OLS (paper V-E). Q is uniform in epoch 0 and where no
    partner is found. With ``same_batch`` a rank only finds partners in its own part of the batch.

    ``extra_forward`` runs the partner's image through the network in training mode, dropout included: batch
    normalisation uses the statistics of the partners' batch, but its running statistics are updated once per step as
    with any method, by the images that are trained on.

    Attributes:
        store: the predictions of the previous epoch; None if the settings need none.
    """

    def __init__(self, settings: Settings, context: MethodContext) -> None:
        super().__init__()
        self._settings = settings
        self._seed = context.seed
        self.store: PredictionStore | None = None
        if settings.keeps_store:
            self.store = PredictionStore(context.train_size, context.num_classes, correct_only=settings.correct_only)

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """Return the loss of a batch; in training its predictions are stored for the next epoch."""
        logits = network(batch.images)
        scores = raised(logits)
        log_p = scores.log_softmax(1)
        alpha = self._settings.alpha
        loss = weighted_sum(
            (alpha, lambda: F.nll_loss(log_p, batch.targets)),
            (1 - alpha, lambda: cross_entropy(self._soft_labels(network, batch, scores.detach()), log_p)),
        )
        if is_training_pass(self) and self.store is not None:
            correct = _is_correct(scores.detach(), batch.targets)
            self.store.observe(batch.indices, batch.targets, log_p.detach().exp(), correct)
        return StepOutput(loss, logits)

    def end_epoch(self) -> None:
        """Turn the epoch's predictions into the next epoch's soft labels."""
        if self.store is not None:
            self.store.end_epoch()

    def _soft_labels(self, network: nn.Module, batch: Batch, scores: Tensor) -> Tensor:
        """Return Q (B, K) for a batch with these logits."""
        if batch.epoch == 0:
            return torch.full_like(scores, 1 / scores.shape[1])
        key = address(self._seed, "partner", batch.epoch)
        if self.store is not None:
            exclude_self = self._settings.exclude_self
            partners = self.store.draw(key, batch.indices, batch.targets, exclude_self=exclude_self)
            return self.store.soft_labels(partners, scores.dtype)
        if self._settings.source == "same_batch":
            return self._of_same_batch(key, batch, scores)
        return self._of_second_image(network, batch)

    def _of_same_batch(self, key: int, batch: Batch, scores: Tensor) -> Tensor:
        eligible = self._eligible(scores, batch.targets)
        exclude_self = self._settings.exclude_self
        partners = draw_partners_in_batch(key, batch.indices, batch.targets, eligible, exclude_self=exclude_self)
        return rows_or_uniform(scores.softmax(1), partners, scores.dtype)

    @torch.no_grad()
    def _of_second_image(self, network: nn.Module, batch: Batch) -> Tensor:
        (images,) = batch.more_views
        with still_statistics(network):
            scores = raised(network(images))
        rows = torch.arange(len(scores), device=scores.device)
        partners = torch.where(self._eligible(scores, batch.targets), rows, NONE)
        return rows_or_uniform(scores.softmax(1), partners, scores.dtype)

    def _eligible(self, scores: Tensor, targets: Tensor) -> Tensor:
        right = _is_correct(scores, targets)
        return right if self._settings.correct_only else torch.ones_like(right)


def _is_correct(scores: Tensor, targets: Tensor) -> Tensor:
    # max is faster than argmax on the CPU; both take the lowest index of a tie.
    return scores.max(1).indices.eq(targets)
