"""Label method ``arazo``: mixup, and labels trusted according to the previous epoch's losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.losses.criterion import raised
from olsrepro.methods.arazo.loss import Labels, mixed_bootstrap, mixed_cross_entropy, regularised
from olsrepro.methods.arazo.mixup import Pairs, clean_weights, draw_pairs, draw_weight, mixed
from olsrepro.methods.arazo.noise_model import NoiseModel
from olsrepro.methods.arazo.settings import WARM_UP_ALPHA, Settings
from olsrepro.methods.arazo.tracking import evaluated, track
from olsrepro.methods.base import LabelMethod, MethodContext, StepOutput
from olsrepro.randomness import address


class Method(LabelMethod):
    """Loss correction by a beta mixture (Arazo et al., ICML 2019); the epoch determines what a step does.

    A step makes one pass of mixed images with gradient and, after the warm-up, up to two of the unmixed ones without.
    At an epoch's end all training images are evaluated once: the mixture is fitted to their losses, and the training
    error is computed from their predictions. Under ``torch.distributed`` partners and the regulariser are those of the
    whole batch; that exchanges the images of a step, and ranks then wait for the device.

    Attributes:
        noise_model: the current mixture.
    """

    def __init__(self, settings: Settings, context: MethodContext) -> None:
        super().__init__()
        self._settings = settings
        self._seed = context.seed
        self._phases = settings.phases(context.epochs, context.milestones)
        self._backbone = (context.backbone,)  # in a tuple, so that it is no submodule
        self._training_set = context.training_set
        self._train_size = context.train_size
        low, high = settings.percentiles
        self.noise_model = NoiseModel((low, high), settings.em_iters, settings.lookup_bins)
        self._epoch = 0
        self._step = 0
        self._predictions: Tensor | None = None

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """Return the loss of the mixed batch, without logits: a mixed image belongs to no single sample."""
        self._epoch = batch.epoch
        pairs = draw_pairs(address(self._seed, "mixup_partner", batch.epoch), batch.indices)
        return StepOutput(self._loss(network, batch, pairs), None)

    def after_step(self) -> None:
        """Count the step, so that the next one draws another mixing weight."""
        self._step += 1

    def end_epoch(self) -> None:
        """Evaluate the training set and fit the mixture to its losses."""
        self._step = 0
        (network,) = self._backbone
        if self._training_set is None or network is None:
            return
        batches = self._training_set.batches(self._epoch, augmented=self._settings.track_augment)
        tracked = track(network, batches)
        self.noise_model.fit(tracked.losses)
        self._predictions = torch.full((self._train_size,), -1, device=tracked.indices.device)
        self._predictions[tracked.indices] = tracked.classes

    def predictions(self) -> Tensor | None:
        """Return the predicted classes (N,) of the last pass over the training set."""
        return self._predictions

    def epoch_facts(self) -> Mapping[str, float]:
        """Return the mixture's shapes and weights, its range of losses, and whether the last fit broke down."""
        return self.noise_model.facts()

    def get_extra_state(self) -> dict[str, Any]:
        """Return the steps of this epoch, a plain number saved with the buffers."""
        return {"step": self._step}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Resume within the epoch in which the state was saved."""
        self._step = int(state["step"])

    def _loss(self, network: nn.Module, batch: Batch, pairs: Pairs) -> Tensor:
        if batch.epoch < self._phases.start:
            return self._warm_up(network, batch, pairs)
        if not self._settings.is_guided:
            return self._static(network, batch, pairs)
        return self._guided(network, batch, pairs)

    def _warm_up(self, network: nn.Module, batch: Batch, pairs: Pairs) -> Tensor:
        """Return the cross entropy of mixup."""
        weight = self._draw_weight(batch.epoch, WARM_UP_ALPHA)
        log_p = _log_p(network, mixed(batch.images, pairs.partners(batch.images), weight))
        return mixed_cross_entropy(log_p, batch.targets, pairs.partners(batch.targets), weight)

    def _static(self, network: nn.Module, batch: Batch, pairs: Pairs) -> Tensor:
        """Return the bootstrapped loss; one drawn weight mixes all images."""
        weight = self._draw_weight(batch.epoch, self._settings.mixup_alpha)
        logits = self._trained_logits(network, batch)
        images = mixed(batch.images, pairs.partners(batch.images), weight)
        # The mixed pass moves statistics that the one in evaluation mode uses; here the authors' scripts differ.
        if self._settings.variant == "m_dyr_h":
            log_p, in_evaluation = _log_p(network, images), evaluated(network, batch.images)
        else:
            in_evaluation, log_p = evaluated(network, batch.images), _log_p(network, images)
        labels = self._labels(batch, in_evaluation if logits is None else logits, self._noisy(in_evaluation, batch))
        return self._bootstrapped(log_p, labels, pairs, weight)

    def _guided(self, network: nn.Module, batch: Batch, pairs: Pairs) -> Tensor:
        """Mix images by how clean their labels are; return the cross entropy of mixup, later the bootstrapped loss."""
        bootstraps = batch.epoch >= self._phases.bootstrap
        logits = self._trained_logits(network, batch) if bootstraps else None
        in_evaluation = evaluated(network, batch.images)
        noisy = self._noisy(in_evaluation, batch)
        weights = clean_weights(noisy, pairs.partners(noisy))
        log_p = _log_p(network, mixed(batch.images, pairs.partners(batch.images), weights))
        if not bootstraps:
            weight = self._draw_weight(batch.epoch, WARM_UP_ALPHA)
            return mixed_cross_entropy(log_p, batch.targets, pairs.partners(batch.targets), weight)
        labels = self._labels(batch, in_evaluation if logits is None else logits, noisy)
        return self._bootstrapped(log_p, labels, pairs, 0.5)

    def _bootstrapped(self, log_p: Tensor, labels: Labels, pairs: Pairs, weight: float) -> Tensor:
        partners = Labels(*(pairs.partners(each) for each in labels))
        return regularised(mixed_bootstrap(log_p, labels, partners, weight), log_p, self._settings.reg_weight)

    def _labels(self, batch: Batch, logits: Tensor, noisy: Tensor) -> Labels:
        """Combine the given labels with the guesses that the variant makes from unmixed logits."""
        if self._settings.variant == "m_dyr_h":
            return Labels(batch.targets, logits.max(1).indices, noisy)
        temperature = self._phases.temperature(batch.epoch) if self._settings.is_guided else 1.0
        return Labels(batch.targets, (logits / temperature).softmax(1), noisy)

    @torch.no_grad()
    def _trained_logits(self, network: nn.Module, batch: Batch) -> Tensor | None:
        """Return the unmixed images' logits in training mode, which updates running statistics; None if not needed."""
        return None if self._settings.extra_forward == "single_eval" else raised(network(batch.images))

    def _noisy(self, logits: Tensor, batch: Batch) -> Tensor:
        return self.noise_model.noisy(F.cross_entropy(logits, batch.targets, reduction="none"))

    def _draw_weight(self, epoch: int, alpha: float) -> float:
        return draw_weight(address(self._seed, "mixup_weight", epoch, self._step), alpha)


def _log_p(network: nn.Module, images: Tensor) -> Tensor:
    return raised(network(images)).log_softmax(1)
