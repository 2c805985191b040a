"""Finished runs as evaluations see them, whatever their task: config, files, data, weights."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor

from olsrepro.config.run_config import RunConfig
from olsrepro.data.dataset import Dataset
from olsrepro.data.photos.check import without_unreadable
from olsrepro.data.registry import read_dataset
from olsrepro.data.settings import DatasetSettings
from olsrepro.launch.finished.files import RunFiles
from olsrepro.store.record import Record


@lru_cache(maxsize=1)
def _read(settings: DatasetSettings, root: Path, left_out: tuple[str, ...]) -> Dataset:
    """Read the data set of a run, cached because most runs that are measured one after another share it.

    ``left_out`` are the images that the run left out. They stay out even if they can be decoded now, because the run's
    own results, such as its logits, don't cover them.
    """
    return without_unreadable(read_dataset(settings, root), dict.fromkeys(left_out, "the run could not decode it"))


class FinishedRun:
    """A run with its weights ``best`` or ``last``. Each task has a subclass, ``Finished`` in the module of its name.

    Args:
        config: of the run.
        folder: of the run.
        record: of the run, which is finished.
        weights: ``best`` or ``last``.
        device: where it is measured.
    """

    def __init__(self, config: RunConfig, folder: Path, record: Record, weights: str, device: torch.device) -> None:
        self.name = folder.name
        self.device = device
        self._config = config
        self._files = RunFiles(folder, record)
        self._left_out = tuple(record.get("unreadable", ()))
        self._weights = weights

    @cached_property
    def _dataset(self) -> Dataset:
        return _read(self._config.dataset, Path(self._config.runtime.data_dir), self._left_out)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes of its data set."""
        return self._dataset.class_names

    @property
    def _weights_file(self) -> str:
        return f"{self._weights}.pt"

    def _state(self) -> Mapping[str, Tensor]:
        """Load the chosen weights; :class:`UserError` where their file isn't the one that the record names."""
        self._files.checked(self._weights_file)
        return self._files.weights(self._weights_file)

    def _outputs(self, kind: str, *keys: str) -> dict[str, Tensor]:
        """Load the output of the run's own test of these weights."""
        self._files.checked(self._weights_file)  # where these weights are lost, the output is of another epoch too
        return self._files.tensors(f"{self._weights}_{kind}.safetensors", *keys)


def finished_class(task: str) -> type[FinishedRun]:
    """Return the class of finished runs of a task."""
    found: type[FinishedRun] = import_module(f"olsrepro.launch.finished.{task}").Finished
    return found
