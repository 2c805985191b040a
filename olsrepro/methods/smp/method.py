"""Label method ``smp``: labels by the prototypes of the classes are learnt in addition to the given ones."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.distributed.gather import gathered
from olsrepro.distributed.ranks import rank, rank_count
from olsrepro.losses.criterion import raised, weighted_sum
from olsrepro.methods.base import LabelMethod, MethodContext, StepOutput, TrainingSet
from olsrepro.methods.smp.prototypes import UNKNOWN, Choice, class_centres, corrected, rows_by_class
from olsrepro.methods.smp.settings import Settings
from olsrepro.models.backbone import Backbone
from olsrepro.randomness import address


class Method(LabelMethod):
    """Loss ``(1 - alpha) CE(y, z) + alpha CE(y', z)``, y' the class whose prototypes the sample is most similar to.

    The corrected labels y' are computed at the end of the epoch before the first that learns them, and of each later
    one but the last, from the features of all training images in evaluation mode. They are never used to choose
    prototypes: these are samples with the class's given label.

    Attributes:
        corrected: int64 (N,), y' by sample index; -1 if none was computed.
    """

    corrected: Tensor

    def __init__(self, settings: Settings, context: MethodContext) -> None:
        super().__init__()
        self._settings = settings
        self._choice = Choice(settings.num_prototypes, settings.s_c_quantile, settings.eta_threshold, settings.diagonal)
        self._context = context
        self._first = settings.first_epoch(context.epochs, context.milestones)
        self._epoch = 0
        self._changed: Tensor | None = None
        self.register_buffer("corrected", torch.full((context.train_size,), UNKNOWN))

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """Return the cross entropy with both labels, or with the given one alone until there are corrected ones."""
        self._epoch = batch.epoch
        logits = network(batch.images)
        log_p = raised(logits).log_softmax(1)
        alpha = self._settings.alpha if batch.epoch >= self._first else 0.0
        loss = weighted_sum(
            (1 - alpha, lambda: F.nll_loss(log_p, batch.targets)),
            (alpha, lambda: F.nll_loss(log_p, self._labels(batch))),
        )
        return StepOutput(loss, logits)

    @torch.no_grad()
    def end_epoch(self) -> None:
        """Correct all labels for the next epoch, if it learns them."""
        self._changed = None
        if self._first - 1 <= self._epoch < self._context.epochs - 1:
            self._correct()

    def corrected_labels(self) -> Tensor | None:
        """Return the corrected labels (N,); None until there are any."""
        return self.corrected if self._epoch >= self._first - 1 else None

    def epoch_facts(self) -> Mapping[str, float]:
        """Return the percentage of corrected labels that differ from the given ones, after epochs that correct them."""
        return {} if self._changed is None else {"labels_changed": float(self._changed)}

    def _labels(self, batch: Batch) -> Tensor:
        found = self.corrected[batch.indices]
        return torch.where(found == UNKNOWN, batch.targets, found)

    def _correct(self) -> None:
        context = self._context
        if context.backbone is None or context.training_set is None:
            raise ValueError("smp needs the run's network and its training images in its context")
        features, targets, indices = _all_features(context.backbone, context.training_set, self._epoch)
        key = address(context.seed, "prototypes", self._epoch)
        rows = rows_by_class(
            targets, context.num_classes, most=self._settings.samples_per_class, key=key, indices=indices
        )
        labels = corrected(features, class_centres(features, rows, self._choice))
        self.corrected.index_copy_(0, indices, labels)
        self._changed = 100 * (labels != targets).double().mean()


def _all_features(backbone: Backbone, images: TrainingSet, epoch: int) -> tuple[Tensor, Tensor, Tensor]:
    """Gather features (n, D), given labels and sample indices (n,) of the training set by rising index, from all ranks.

    Each rank takes its part of every batch, so that ranks whose running statistics differ have the same features.
    """
    parts = []
    backbone.eval()
    for batch in images.batches(epoch, augmented=False):
        own = torch.arange(len(batch.indices), device=batch.indices.device).tensor_split(rank_count())[rank()]
        maps = backbone.stage_features(batch.images[own])[backbone.stages[-1]]
        parts.append((backbone.pool(maps), batch.targets[own], batch.indices[own]))
    backbone.train()
    features, targets, indices = (gathered(torch.cat(part)) for part in zip(*parts, strict=True))
    order = indices.argsort()
    return features[order], targets[order], indices[order]
