"""Base of all label methods: how labels supervise the network, and the state that this needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, cast

import torch
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.losses import build_criterion
from olsrepro.losses.criterion import ClassCriterion
from olsrepro.methods.settings import MethodSettings
from olsrepro.models.backbone import Backbone


class TrainingSet(Protocol):
    """All training images of a run, for methods that go through them outside the steps."""

    def batches(self, epoch: int, *, augmented: bool) -> Iterator[Batch]:
        """Yield every image that steps train on, once, by rising sample index, not shuffled.

        Args:
            epoch: 0-based, the epoch whose augmentation is used.
            augmented: whether images are augmented as in the steps of that epoch, or prepared as in a test.
        """


@dataclass(frozen=True)
class MethodContext:
    """Properties of the run that a method works in.

    Attributes:
        num_classes: K.
        seed: the run's seed.
        epochs: number of epochs of the run.
        train_size: number of training images; sample indices are ``0 .. train_size - 1``.
        image_size: side of an image in pixels.
        backbone: the run's network with its initial weights; its stages can be tapped, its shape probed.
        teacher: a trained network in evaluation mode whose weights get no gradient, for methods that ask for one.
        milestones: the recipe's 0-based epochs in which the learning rate drops.
        learning_rate: the optimiser's learning rate in a 0-based epoch.
        training_set: all training images, for methods that go through them at an epoch's end.
    """

    num_classes: int
    seed: int
    epochs: int = 1
    train_size: int = 0
    image_size: int = 32
    backbone: Backbone | None = None
    teacher: nn.Module | None = None
    milestones: tuple[int, ...] = ()
    learning_rate: Callable[[int], float] | None = None
    training_set: TrainingSet | None = None


@dataclass(frozen=True)
class StepOutput:
    """Result of a method for a batch: the loss (a scalar to minimise) and the main head's logits (B, K) of view one.

    Logits are None if the network saw other images than the batch's, such as mixed ones; the training error then counts
    :meth:`LabelMethod.predictions`.
    """

    loss: Tensor
    logits: Tensor | None


class LabelMethod(nn.Module):
    """Label method in training; its state is in its buffers, so ``state_dict`` is its checkpoint.

    The trainer calls the method with the network and a batch, then :meth:`after_step` when the optimiser has stepped
    and :meth:`end_epoch` after an epoch's last step and before the test. The parameters that :meth:`optimised` returns
    are trained together with the network's.
    """

    counted_apart: ClassVar[tuple[str, ...]] = ()
    """Keys of the state that each rank still counts separately at an epoch's end, to be summed over ranks later."""

    def optimised(self) -> Iterable[nn.Parameter]:
        """Return its parameters that the run's optimiser trains; any others it trains itself."""
        return self.parameters()

    def trained(self, network: nn.Module) -> nn.Module:
        """Return the module that a training step calls; :meth:`forward` gets it, possibly compiled or wrapped."""
        return network

    def tested(self, network: nn.Module) -> nn.Module:
        """Return the module that a test calls: images (B, 3, H, W) to logits (B, K)."""
        return network

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """Return the loss of a batch and the logits that the training error is computed from."""
        raise TypeError(f"{type(self).__name__} defines no forward")

    def class_targets(self, classes: Tensor) -> Tensor:
        """Return the labels (P, K) of objects of classes (P,) int64, for a task that detects them."""
        raise TypeError(f"{type(self).__name__} does not label classes")

    def observe_classes(self, classes: Tensor, predictions: Tensor, counted: Tensor) -> None:
        """Observe predictions (P, K) for objects of classes (P,) where ``counted`` (P,); by default do nothing."""

    def after_step(self) -> None:
        """Update the method after each step of the optimiser; by default do nothing."""

    def end_epoch(self) -> None:
        """Update the method after the last step of an epoch; by default do nothing."""

    def state_of_rank(self, rank: int, states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the state with which a rank resumes from the states of another number of ranks at an epoch's end."""
        state = dict(states[0])
        for key in self.counted_apart:
            total = torch.stack([one[key] for one in states]).sum(0)
            state[key] = total if rank == 0 else torch.zeros_like(total)
        return state

    def predictions(self) -> Tensor | None:
        """Return predicted classes (N,) int64 by sample index, of a pass over the training set at this epoch's end.

        They replace the steps' logits in this epoch's training error; -1 for samples not in the pass; None: the steps'
        logits are used.
        """
        return None

    def corrected_labels(self) -> Tensor | None:
        """Return its estimate of the true classes, (N,) int64 by sample index; None if it corrects no labels."""
        return None

    def epoch_facts(self) -> Mapping[str, float]:
        """Return figures of the epoch that just ended, for its row of the curves; this may wait for the device."""
        return {}

    def label_table(self) -> Tensor | None:
        """Return the current soft labels, (K, K), row y for class y; None for a method that has none."""
        return None


class CriterionMethod(LabelMethod):
    """Method that consists of its criterion alone: one view, one head, no state of its own."""

    def __init__(self, settings: MethodSettings, context: MethodContext) -> None:
        super().__init__()
        self.criterion = build_criterion(settings.name, context.num_classes, **settings.switches())

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """Make one forward pass and apply the criterion to its logits."""
        logits = network(batch.images)
        return StepOutput(self.criterion(logits, batch.targets), logits)


class ClassLabelMethod(CriterionMethod):
    """Criterion whose label of a class is the same in every image, so that it can label detected objects too."""

    def class_targets(self, classes: Tensor) -> Tensor:
        """Return the criterion's labels (P, K) of classes (P,)."""
        return cast(ClassCriterion, self.criterion).targets(classes)
