"""Inputs of a run, whatever its task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from olsrepro.config.run_config import RunConfig
from olsrepro.data.dataset import Dataset
from olsrepro.data.loaders import ReaderOptions
from olsrepro.training.task import Task


@dataclass(frozen=True)
class Inputs(ABC):
    """Data and initial weights of a run at some task.
    Each task has a subclass: ``TaskInputs`` in the module of its name beside this one.

    Attributes:
        data: the data set.
        reader: how its photographs are read.
        weights: file of initial weights; None: they are drawn.
    """

    data: Dataset
    reader: ReaderOptions
    weights: Path | None

    @classmethod
    @abstractmethod
    def of(cls, config: RunConfig, data: Dataset, reader: ReaderOptions, weights: Path | None) -> Inputs:
        """Add what the task needs beside the data set, or refuse the run (:class:`UserError`)."""

    @abstractmethod
    def task(self, config: RunConfig, device: torch.device) -> Task:
        """Build the task that the run is trained on."""

    @property
    def warning(self) -> str | None:
        """Warning for the user in one line, or None."""
        return None

    def record_fields(self, config: RunConfig) -> dict[str, Any]:
        """Return the record's fields on the inputs."""
        return {"unreadable": list(self.data.unreadable)} if self.data.unreadable else {}

    def sized(self, config: RunConfig) -> RunConfig:
        """Return the run with the sizes of its data set as read: images may have been left out."""
        train, test = self.data.train_size, self.data.test_size
        return replace(config, dataset=replace(config.dataset, train_size=train, test_size=test))
