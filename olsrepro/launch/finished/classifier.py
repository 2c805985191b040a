"""A finished run as evaluations see it: what they ask for is read from its folder and its data set, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from olsrepro.config.run_config import RunConfig
from olsrepro.data.dataset import Data, Photographs
from olsrepro.data.image_source import Images, split_of
from olsrepro.data.labels.human_labels import HumanLabels, human_labels
from olsrepro.data.photos.check import without_unreadable
from olsrepro.data.registry import read_dataset
from olsrepro.data.settings import DatasetSettings
from olsrepro.launch.finished.files import RunFiles
from olsrepro.losses import HardLabel, LabelSmoothing, build_criterion
from olsrepro.models.backbone import Backbone
from olsrepro.models.registry import build_backbone
from olsrepro.settings import UserError
from olsrepro.store.record import Record
from olsrepro.training import artifacts, checkpoint


@lru_cache(maxsize=1)
def _read(settings: DatasetSettings, root: Path, left_out: tuple[str, ...]) -> Data:
    """The data set that a run saw; of runs that are measured one after another, most share it.

    ``left_out`` are the images that the run did without. They stay out if they can be decoded by now: what the run
    left behind, such as its logits, does not count them.
    """
    data = read_dataset(settings, root)
    if not isinstance(data, Photographs):
        return data
    return without_unreadable(data, dict.fromkeys(left_out, "the run could not decode it"))


class FinishedRun:
    """A run with its weights ``best`` or ``last``.

    Args:
        config: of the run.
        folder: where it lies.
        record: of the run, which is finished.
        weights: ``best`` or ``last``.
        device: where it is measured.
    """

    def __init__(self, config: RunConfig, folder: Path, record: Record, weights: str, device: torch.device) -> None:
        self.name = folder.name
        self.seed = config.seed
        self.device = device
        self.epochs = config.recipe.epochs
        self._config = config
        self._folder = folder
        self._record = record
        self._weights = weights
        self._files = RunFiles(folder, record)

    @cached_property
    def _data(self) -> Data:
        left_out = tuple(self._record.get("unreadable", ()))
        return _read(self._config.dataset, Path(self._config.runtime.data_dir), left_out)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the data set."""
        return self._data.class_names

    @property
    def mean(self) -> Tensor:
        """Float32 (3,), of pixels in [0, 1]."""
        return self._data.mean

    @property
    def std(self) -> Tensor:
        """Float32 (3,), of pixels in [0, 1]."""
        return self._data.std

    def network(self) -> Backbone:
        """The network with the chosen weights, as ``Subject`` says.

        Raises:
            UserError: the file of weights is gone, or is not the one that the record names; or the run was tested by
                more than its network.
        """
        self._refuse_headed()
        state = checkpoint.load(self._files.checked(f"{self._weights}.pt"))["weights"]
        return self._network_of(state)

    def _network_of(self, state: Mapping[str, Tensor]) -> Backbone:
        self._refuse_headed()
        with torch.random.fork_rng(devices=[]):
            network = build_backbone(self._config.backbone, self._config.dataset.num_classes)
        network.load_state_dict(state)
        return network.float().to(self.device).eval().requires_grad_(False)

    def _refuse_headed(self) -> None:
        if not self._config.method.is_tested_by_network:
            raise UserError(
                f"{self.name} was tested by its heads together, whose weights a run does not keep; measure a run with"
                " method.eval=main"
            )

    def test_logits(self) -> tuple[Tensor, Tensor]:
        """Logits (N, K) float32 of the chosen weights on the test set, and its labels (N,)."""
        self._files.checked(f"{self._weights}.pt")  # where these weights are lost, the logits are of another epoch too
        stored = self._files.tensors(f"{self._weights}_logits.safetensors")
        return stored["logits"].float(), stored["targets"]

    def images(self, split: str) -> Images:
        """The images of ``train`` or ``test`` with their true labels."""
        return split_of(self._data, split)

    def label_table(self) -> Tensor:
        """The labels of all classes after the last epoch, (K, K): learnt, or as the method makes them.

        Raises:
            UserError: the method has no labels of classes.
        """
        method, classes = self._config.method, self._config.dataset.num_classes
        if method.keeps_label_table:
            last = self._config.recipe.epochs
            return self._files.tensors(f"{artifacts.LABEL_TABLES}/epoch_{last:04d}.safetensors")["soft_labels"]
        criterion = (
            build_criterion(method.name, classes, **method.switches()) if method.name in ("hard", "ls") else None
        )
        if isinstance(criterion, HardLabel | LabelSmoothing):
            return criterion.targets(torch.arange(classes))
        raise UserError(f"{self.name}: method={method.name} has no labels of classes; hard, ls, ols and byot_ols have")

    def human_labels(self) -> HumanLabels:
        """What people see in the test images."""
        return human_labels(self._config.dataset.name, self._data, Path(self._config.runtime.data_dir))

    def probability_sums(self) -> Mapping[int, tuple[Tensor, list[int]]]:
        """Sums of test probabilities by ensemble size, with the epochs in each; none where the run kept none."""
        if not (self._folder / artifacts.ENSEMBLE).is_file():
            return {}
        path = self._files.named(artifacts.ENSEMBLE)
        with safe_open(path, "pt") as file:
            members = file.metadata()
            return {int(size): (file.get_tensor(size), _epochs(members[size])) for size in file.keys()}  # noqa: SIM118

    def kept_epochs(self) -> list[int]:
        """The epochs whose weights lie beside the record."""
        return artifacts.Artifacts(self._folder).kept_epochs()

    def epoch_networks(self, epochs: Sequence[int]) -> Iterator[Backbone]:
        """For each of some kept epochs its network, one at a time."""
        for epoch in epochs:
            path = self._folder / artifacts.EPOCHS / f"epoch_{epoch:04d}.pt"
            yield self._network_of(checkpoint.load(path)["weights"])


def _epochs(text: str) -> list[int]:
    return [int(epoch) for epoch in text.strip("[]").split(",")]
