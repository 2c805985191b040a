"""What a label method is: how labels supervise the network, and the state that this needs."""

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
    """All training images of a run, for methods that look at them apart from the steps."""

    def batches(self, epoch: int, *, augmented: bool) -> Iterator[Batch]:
        """Every image that steps train on, once, by rising sample index; no step, no shuffling.

        Args:
            epoch: 0-based; whose augmentation.
            augmented: as the steps of that epoch see them, or as a test would.
        """


@dataclass(frozen=True)
class MethodContext:
    """What surrounds a method in a run.

    Attributes:
        num_classes: K.
        seed: of the run.
        epochs: of the run.
        train_size: training images; sample indices are ``0 .. train_size - 1``.
        image_size: side of an image in pixels.
        backbone: the run's network with its initial weights; its stages can be tapped, its shape probed.
        teacher: a trained network in evaluation mode whose weights take no gradient, for methods that ask for one.
        milestones: of the recipe, the 0-based epochs in which the learning rate falls.
        learning_rate: of each 0-based epoch, as the optimiser has it.
        training_set: all training images, for methods that look at them at an epoch's end.
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
    """What a method returns for a batch: the loss (a scalar to minimise), its main head's logits (B, K) of view one.

    Logits are None where the network saw other images than the batch's, mixed ones say; :meth:`LabelMethod.predictions`
    is counted instead then.
    """

    loss: Tensor
    logits: Tensor | None


class LabelMethod(nn.Module):
    """A label method at work; what it must remember lies in its buffers, so ``state_dict`` is its checkpoint.

    The trainer calls the method with the network and a batch, then :meth:`after_step` when the optimiser has stepped
    and :meth:`end_epoch` after an epoch's last step and before the test. What :meth:`optimised` names of its parameters
    is trained with the network's.
    """

    counted_apart: ClassVar[tuple[str, ...]] = ()
    """Keys of the state that ranks count apart even at an epoch's end, and that are added up in the end."""

    def optimised(self) -> Iterable[nn.Parameter]:
        """Its parameters that the run's optimiser trains; others it trains itself."""
        return self.parameters()

    def trained(self, network: nn.Module) -> nn.Module:
        """The module that a training step calls; :meth:`forward` gets it, compiled or wrapped as the run says."""
        return network

    def tested(self, network: nn.Module) -> nn.Module:
        """The module that a test calls: images (B, 3, H, W) to logits (B, K)."""
        return network

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """The loss of a batch and the logits that the training error is counted on."""
        raise TypeError(f"{type(self).__name__} defines no forward")

    def class_targets(self, classes: Tensor) -> Tensor:
        """The labels (P, K) of objects of some classes (P,) int64, for a task that detects them."""
        raise TypeError(f"{type(self).__name__} does not label classes")

    def observe_classes(self, classes: Tensor, predictions: Tensor, counted: Tensor) -> None:
        """What was predicted, (P, K), for objects of some classes (P,) in training, where ``counted`` (P,) says so."""

    def after_step(self) -> None:
        """The optimiser has stepped once more."""

    def end_epoch(self) -> None:
        """The last step of an epoch has been made."""

    def state_of_rank(self, rank: int, states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """The state that a rank goes on from, of the states of another number of ranks at an epoch's end."""
        state = dict(states[0])
        for key in self.counted_apart:
            total = torch.stack([one[key] for one in states]).sum(0)
            state[key] = total if rank == 0 else torch.zeros_like(total)
        return state

    def predictions(self) -> Tensor | None:
        """Predicted classes (N,) int64 by sample index, of a pass over the training set at this epoch's end.

        They are counted as this epoch's training error in the place of the steps' logits; -1 for what was not looked
        at; None: the steps' logits are counted.
        """
        return None

    def corrected_labels(self) -> Tensor | None:
        """What it takes for the true classes, (N,) int64 by sample index; None where it corrects none."""
        return None

    def epoch_facts(self) -> Mapping[str, float]:
        """Numbers of the epoch that just ended, for its row of the curves; they may read the device."""
        return {}

    def label_table(self) -> Tensor | None:
        """The soft labels in force, (K, K), row y for class y; None for a method that keeps none."""
        return None


class CriterionMethod(LabelMethod):
    """A method that is its criterion and nothing else: one view, one head, no state of its own."""

    def __init__(self, settings: MethodSettings, context: MethodContext) -> None:
        super().__init__()
        self.criterion = build_criterion(settings.name, context.num_classes, **settings.switches())

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """One forward pass, the criterion on its logits."""
        logits = network(batch.images)
        return StepOutput(self.criterion(logits, batch.targets), logits)


class ClassLabelMethod(CriterionMethod):
    """A criterion whose label of a class is the same in every image, so that it can label detected objects too."""

    def class_targets(self, classes: Tensor) -> Tensor:
        """The criterion's labels (P, K) of classes (P,)."""
        return cast(ClassCriterion, self.criterion).targets(classes)
