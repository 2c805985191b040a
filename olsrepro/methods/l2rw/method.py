"""Label method ``l2rw``: samples are weighted by how well their gradients agree with that of a clean batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.distributed.sums import summed, total_of
from olsrepro.methods.base import LabelMethod, MethodContext, StepOutput
from olsrepro.methods.forward_mode import OwnPass
from olsrepro.methods.l2rw.settings import Settings
from olsrepro.methods.meta_gradient import ByName, MetaGradient, clean_part, full_precision, sample_losses


def normalised(clamped: Tensor) -> Tensor:
    """Normalise products, none negative, to weights (B,) that sum to 1 over all ranks; all 0 if the products are."""
    total = summed(clamped.sum())
    return clamped / torch.where(total == 0, torch.ones_like(total), total)


class Method(LabelMethod):
    """Loss ``L = Σ_i w_i CE(y_i, z_i)``, ``w_i = [<∇l_i, ∇L_c>]_+ / Σ`` at the network's current weights, constants.

    The paper's look-ahead starts from sample weights 0, so its derivative is taken at the network's current weights,
    for any size of the inner step. The loss is a sum, since the weights sum to 1; a rank's part is scaled so that the
    mean over ranks, weighted by their shares of the batch, is the sum over all.
    """

    def __init__(self, settings: Settings, context: MethodContext) -> None:
        super().__init__()
        assert context.backbone is not None, "the meta-gradient needs the run's network"
        self._settings = settings
        self._context = context
        self._network = (context.backbone,)  # in a tuple, so that it is no submodule
        decay = settings.clean_decay if settings.clean_loss_decay else 0.0
        self._meta = MetaGradient(context.backbone, scaled=settings.bn_stats == "batch", decay=decay)
        self._steps = 0
        self._steps_per_epoch: int | None = None
        self._predictions: Tensor | None = None

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """Return the weighted loss of the step's own forward pass, which alone updates running statistics."""
        if self._finetunes(self._steps):
            return self._clean_step(network, batch)
        direction = self._clean_direction(batch)  # first, so that the step's graph takes no memory meanwhile
        logits, own = self._meta.forward(network, batch.images)
        weights = self._weights(self._products(batch, direction, own), batch.epoch)
        with full_precision(logits.device):
            loss = (weights * sample_losses(logits, batch.targets)).sum()
            return StepOutput(loss * _of_rank(loss, batch), logits)

    def products(self, batch: Batch) -> Tensor:
        """Compute <∇l_i, ∇L_c> of each sample (B,), at the network's current weights."""
        return self._products(batch, self._clean_direction(batch), None)

    def weights(self, batch: Batch) -> Tensor:
        """Compute the weight of each sample (B,), at the network's current weights."""
        return self._weights(self.products(batch), batch.epoch)

    def _weights(self, products: Tensor, epoch: int) -> Tensor:
        clamped = products.clamp_min(0)
        if self._settings.weight_norm == "sum_clamped":
            return normalised(clamped)
        assert self._context.learning_rate is not None, "weight_norm=none needs the run's learning rate"
        return clamped * self._context.learning_rate(epoch)

    def _clean_direction(self, batch: Batch) -> ByName | None:
        """Compute ∇L_c at the network's current weights; None if the graph computes it anyway."""
        if self._settings.meta_gradient == "graph":
            return None
        return self._meta.clean_gradient(self._meta.parameters(), batch)

    def _products(self, batch: Batch, direction: ByName | None, own: OwnPass | None) -> Tensor:
        if direction is not None:
            return self._meta.products(batch, direction, own)
        at = self._meta.parameters()

        def look_ahead(gradient: ByName) -> ByName:
            return {name: value - gradient[name] for name, value in at.items()}

        nothing = batch.images.new_zeros(len(batch.targets))
        return self._meta.products_by_graph(batch, nothing, look_ahead)

    def after_step(self) -> None:
        """Count the step, since fine-tuning takes the last ones."""
        self._steps += 1

    def end_epoch(self) -> None:
        """Take the steps per epoch from the first epoch; after a fine-tuned epoch predict the whole training set."""
        if self._steps_per_epoch is None:
            self._steps_per_epoch = self._steps
        self._predictions = self._predicted_classes() if self._finetunes(self._steps - 1) else None

    def predictions(self) -> Tensor | None:
        """Return classes (N,) after an epoch in which the network was trained on other images than the batches'."""
        return self._predictions

    def get_extra_state(self) -> dict[str, Any]:
        """Return the steps so far and the steps per epoch."""
        return {"steps": self._steps, "steps_per_epoch": self._steps_per_epoch}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore the counts that :meth:`get_extra_state` returned."""
        self._steps, self._steps_per_epoch = state["steps"], state["steps_per_epoch"]

    def _finetunes(self, step: int) -> bool:
        """Tell whether a step, counted from 0 over the run, is one of the last, which train on clean batches alone."""
        if not self._settings.finetune_steps or self._steps_per_epoch is None:
            return False
        return step >= self._context.epochs * self._steps_per_epoch - self._settings.finetune_steps

    def _clean_step(self, network: nn.Module, batch: Batch) -> StepOutput:
        images, targets = clean_part(batch)
        logits = network(images)
        with full_precision(logits.device):
            loss = sample_losses(logits, targets).sum()
            return StepOutput(loss / total_of(len(targets), loss) * _of_rank(loss, batch), None)

    @torch.no_grad()
    def _predicted_classes(self) -> Tensor:
        (network,), training_set = self._network, self._context.training_set
        assert training_set is not None, "fine-tuning needs the training set for the training error"
        network.eval()
        epoch = self._steps // (self._steps_per_epoch or 1) - 1
        found: Tensor | None = None
        for batch in training_set.batches(epoch, augmented=False):
            classes = network(batch.images).float().argmax(1)
            found = classes.new_full((self._context.train_size,), -1) if found is None else found
            found[batch.indices] = classes
        network.train()
        assert found is not None, "the training set has images"
        return found


def _of_rank(loss: Tensor, batch: Batch) -> Tensor:
    """Return the scale of a rank's part of a sum over the batch: images on all ranks per image of its own."""
    return total_of(len(batch.targets), loss) / len(batch.targets)
