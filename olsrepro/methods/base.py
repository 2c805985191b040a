"""What a label method is: how labels supervise the network, and the state that this needs."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.losses import build_criterion
from olsrepro.methods.settings import MethodSettings
from olsrepro.models.backbone import Backbone


@dataclass(frozen=True)
class Setting:
    """What surrounds a method in a run.

    Attributes:
        num_classes: K.
        seed: of the run.
        epochs: of the run.
        train_size: training images; sample indices are ``0 .. train_size - 1``.
        image_size: side of an image in pixels.
        backbone: the run's network with its initial weights; its stages can be tapped, its shape probed.
        teacher: a trained network in evaluation mode whose weights take no gradient, for methods that ask for one.
    """

    num_classes: int
    seed: int
    epochs: int = 1
    train_size: int = 0
    image_size: int = 32
    backbone: Backbone | None = None
    teacher: nn.Module | None = None


@dataclass(frozen=True)
class StepOutput:
    """What a method returns for a batch: the loss (a scalar to minimise), its main head's logits (B, K) of view one."""

    loss: Tensor
    logits: Tensor


class LabelMethod(nn.Module):
    """A label method at work; what it must remember lies in its buffers, so ``state_dict`` is its checkpoint.

    The trainer calls the method with the network and a batch, then :meth:`after_step` when the optimiser has stepped
    and :meth:`end_epoch` after an epoch's last step and before the test. Its parameters, if any, are trained with the
    network's.
    """

    def trained(self, network: nn.Module) -> nn.Module:
        """The module that a training step calls; :meth:`forward` gets it, compiled or wrapped as the run says."""
        return network

    def tested(self, network: nn.Module) -> nn.Module:
        """The module that a test calls: images (B, 3, H, W) to logits (B, K)."""
        return network

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """The loss of a batch and the logits that the training error is counted on."""
        raise TypeError(f"{type(self).__name__} defines no forward")

    def after_step(self) -> None:
        """The optimiser has stepped once more."""

    def end_epoch(self) -> None:
        """The last step of an epoch has been made."""

    def label_table(self) -> Tensor | None:
        """The soft labels in force, (K, K), row y for class y; None for a method that keeps none."""
        return None


class CriterionMethod(LabelMethod):
    """A method that is its criterion and nothing else: one view, one head, no state of its own."""

    def __init__(self, settings: MethodSettings, setting: Setting) -> None:
        super().__init__()
        self.criterion = build_criterion(settings.name, setting.num_classes, **settings.switches())

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """One forward pass, the criterion on its logits."""
        logits = network(batch.images)
        return StepOutput(self.criterion(logits, batch.targets), logits)
