"""What a label method is: how labels supervise the network, and the state that this needs."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.losses import build_criterion
from olsrepro.methods.settings import MethodSettings


@dataclass(frozen=True)
class Setting:
    """What surrounds a method in a run: number of classes and the run's seed."""

    num_classes: int
    seed: int


@dataclass(frozen=True)
class StepOutput:
    """What a method returns for a batch: the loss (a scalar to minimise) and the logits (B, K) of its main head."""

    loss: Tensor
    logits: Tensor


class LabelMethod(nn.Module):
    """A label method at work; what it must remember lies in its buffers, so ``state_dict`` is its checkpoint.

    The trainer calls the method with the network and a batch, then :meth:`after_step` when the optimiser has stepped
    and :meth:`end_epoch` after an epoch's last step and before the test.
    """

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
