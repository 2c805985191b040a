"""What a run trains on and starts from, read and checked before there is a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from olsrepro.config.run_config import RunConfig
from olsrepro.data.clean_set import clean_indices
from olsrepro.data.loaders import Data, Reading
from olsrepro.data.noise import NoisyLabels, noisy_targets
from olsrepro.data.registry import read_dataset
from olsrepro.launch.start import weights_file
from olsrepro.settings import UserError


@dataclass(frozen=True)
class Inputs:
    """Data set, given labels, clean set, how photographs are read, file of initial weights."""

    data: Data
    labels: NoisyLabels
    clean: Tensor | None
    reading: Reading
    start: Path | None


def read_inputs(config: RunConfig, say: Callable[[str], None]) -> Inputs:
    """Read a run's data set and look for its weights.

    Raises:
        UserError: data or weights are missing, damaged or not what the config says.
    """
    data = read_dataset(config.dataset, Path(config.runtime.data_dir))
    start = weights_file(config, say)
    clean = clean_samples(config, data)
    labels = noisy_targets(data.train_targets, config.dataset.num_classes, config.noise, config.seed, clean)
    return Inputs(data, labels, clean, Reading(), start)


def clean_samples(config: RunConfig, data: Data) -> Tensor | None:
    """The samples of the clean set that the method wants, int64, rising; None where it wants none."""
    wanted = config.method.clean_set()
    if wanted is None:
        return None
    classes = config.dataset.num_classes
    try:
        return clean_indices(data.train_targets, classes, wanted.size, per_class=wanted.per_class, seed=config.seed)
    except ValueError as error:
        raise UserError(f"method.{error}") from None
