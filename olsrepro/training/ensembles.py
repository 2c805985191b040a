"""Ensembles over a training's epochs (Table III): sums of test probabilities, and the members' weights if wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from olsrepro.evaluation.ensemble_epochs import members_by_size
from olsrepro.evaluation.ensemble_sums import EnsembleSums
from olsrepro.training.artifacts import Artifacts
from olsrepro.training.runtime import RuntimeSettings
from olsrepro.training.task import Evaluation


@dataclass
class EnsembleCollector:
    """Collector of sums for ensembles of several sizes; without sizes it collects and writes nothing.

    Attributes:
        sums: by ensemble size.
        keeps_weights: whether each member's weights are kept as well (``runtime.keep=grid``).
    """

    name: ClassVar[str] = "ensemble"

    sums: EnsembleSums
    keeps_weights: bool = False

    @classmethod
    def of(cls, runtime: RuntimeSettings, epochs: int, seed: int) -> EnsembleCollector:
        """Build the collector that a run's settings ask for; ``seed`` draws the members of a random grid."""
        members = members_by_size(runtime.ensemble_sizes, runtime.ensemble_grid, epochs, seed)
        return cls(EnsembleSums(members), runtime.keep == "grid")

    def add(self, epoch: int, evaluation: Evaluation) -> None:
        """Add an epoch's test logits wherever it is a member."""
        if epoch in self.sums.epochs:
            self.sums.add(epoch, evaluation.outputs["logits"])

    def write(
        self, artifacts: Artifacts, epoch: int, network: nn.Module, evaluation: Evaluation, *, last: bool
    ) -> None:
        """Write a member's weights if they are kept, and after the last epoch the sums that are complete."""
        if self.keeps_weights and epoch in self.sums.epochs:
            artifacts.epoch_weights(network, epoch, evaluation)
        if last and (sums := self.sums.complete()):
            artifacts.ensemble(sums, self.sums.members)

    def state_dict(self) -> dict[str, Any]:
        """Return the sums so far, for a checkpoint."""
        return self.sums.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from sums taken with :meth:`state_dict`."""
        self.sums.load_state_dict(state)
