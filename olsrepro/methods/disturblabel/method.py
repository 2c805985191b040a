"""Label method ``disturblabel``: its criterion with draws addressed by (seed, epoch, sample index)."""

from __future__ import annotations

from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.methods.base import CriterionMethod, MethodContext, StepOutput
from olsrepro.methods.settings import MethodSettings
from olsrepro.randomness import address, integers, uniform


class Method(CriterionMethod):
    """DisturbLabel; a label varies from epoch to epoch, but never with workers, ranks or a resume."""

    def __init__(self, settings: MethodSettings, context: MethodContext) -> None:
        super().__init__(settings, context)
        self._context = context

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        """Make one forward pass and apply the criterion with this epoch's draws for these samples."""
        logits = network(batch.images)
        return StepOutput(self.criterion(logits, batch.targets, draws=self._draws(batch)), logits)

    def _draws(self, batch: Batch) -> tuple[Tensor, Tensor]:
        seed, classes = self._context.seed, self._context.num_classes
        return (
            uniform(address(seed, "disturb", batch.epoch), batch.indices),
            integers(address(seed, "disturb_shift", batch.epoch), batch.indices, 1, classes),
        )
