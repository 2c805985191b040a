"""A finished classifier as evaluations see it, read from its folder and its data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from safetensors import safe_open
from torch import Tensor

from olsrepro.config.run_config import RunConfig
from olsrepro.data.dataset import LabelledImages
from olsrepro.data.image_source import Images, split_of
from olsrepro.data.labels.human_labels import HumanLabels, human_labels
from olsrepro.launch.finished.base import FinishedRun
from olsrepro.methods.base import MethodContext
from olsrepro.methods.registry import build_method
from olsrepro.models.backbone import Backbone
from olsrepro.models.registry import build_backbone
from olsrepro.settings import UserError
from olsrepro.store.record import Record
from olsrepro.training import artifacts
from olsrepro.training.classification.settings import KIND


class Finished(FinishedRun):
    """A finished classifier, as a :class:`~olsrepro.evaluation.subject.Subject` for evaluations."""

    def __init__(self, config: RunConfig, folder: Path, record: Record, weights: str, device: torch.device) -> None:
        super().__init__(config, folder, record, weights, device)
        self.seed = config.seed
        self.epochs = config.recipe.epochs
        self._folder = folder

    @property
    def _data(self) -> LabelledImages:
        return cast(LabelledImages, self._dataset)

    @property
    def mean(self) -> Tensor:
        """Mean that images are normalised by: float32 (3,), of pixels in [0, 1]."""
        return self._data.mean

    @property
    def std(self) -> Tensor:
        """Standard deviation that images are normalised by: float32 (3,), of pixels in [0, 1]."""
        return self._data.std

    def network(self) -> Backbone:
        """Return the network with the chosen weights: evaluation mode, float32, on the device, no weight gradients.

        Raises:
            UserError: the file of weights is gone, or is not the one that the record names; or the run was tested by
                more than its network.
        """
        self._refuse_headed()
        return self._network_of(self._weights_file, self._state())

    def _network_of(self, name: str, state: Mapping[str, Tensor]) -> Backbone:
        self._refuse_headed()
        with torch.random.fork_rng(devices=[]):
            network = build_backbone(self._config.backbone, self._config.dataset.num_classes)
        self._files.fill(network, name, state)
        return network.float().to(self.device).eval().requires_grad_(False)

    def _refuse_headed(self) -> None:
        if not self._config.method.is_tested_by_network:
            raise UserError(
                f"{self.name} was tested by all its heads together, whose weights a run does not keep; measure a run"
                " with method.eval=main"
            )

    def test_logits(self) -> tuple[Tensor, Tensor]:
        """Return logits (N, K) float32 of the chosen weights on the test set, and its labels (N,)."""
        stored = self._outputs(KIND.outputs, "logits", "targets")
        return stored["logits"].float(), stored["targets"]

    def images(self, split: str) -> Images:
        """Return the images of ``train`` or ``test`` with their true labels."""
        return split_of(self._data, split)

    def label_table(self) -> Tensor:
        """Return the labels of all classes after the last epoch, (K, K): learnt, or computed by the method.

        Raises:
            UserError: the method has no labels of classes.
        """
        method, classes = self._config.method, self._config.dataset.num_classes
        if method.keeps_label_table:
            last = self._config.recipe.epochs
            return self._files.tensors(artifacts.label_table_name(last), "soft_labels")["soft_labels"]
        if method.labels_classes:
            built = build_method(method, MethodContext(classes, self.seed))
            return built.class_targets(torch.arange(classes))
        raise UserError(
            f"{self.name}: method={method.name} has no labels of classes; hard, ls, ols and byot_ols have them"
        )

    def human_labels(self) -> HumanLabels:
        """Return people's labels of the test images; :class:`UserError` if the data set has none."""
        return human_labels(self._config.dataset.name, self._data, Path(self._config.runtime.data_dir))

    def probability_sums(self) -> Mapping[int, tuple[Tensor, list[int]]]:
        """Return sums of test probabilities by ensemble size, with the epochs in each; empty if the run kept none."""
        if not (self._folder / artifacts.ENSEMBLE).is_file():
            return {}
        with self._files.reading(artifacts.ENSEMBLE) as path, safe_open(path, "pt") as file:
            members = file.metadata()
            return {int(size): (file.get_tensor(size), _epochs(members[size])) for size in file.keys()}  # noqa: SIM118

    def kept_epochs(self) -> list[int]:
        """List the epochs whose weights are kept beside the record."""
        return artifacts.Artifacts(self._folder).kept_epochs()

    def epoch_networks(self, epochs: Sequence[int]) -> Iterator[Backbone]:
        """Yield the networks of given kept epochs, in this order, one at a time."""
        for epoch in epochs:
            name = f"{artifacts.EPOCHS}/epoch_{epoch:04d}.pt"
            yield self._network_of(name, self._files.weights(name))


def _epochs(text: str) -> list[int]:
    return [int(epoch) for epoch in text.strip("[]").split(",")]
