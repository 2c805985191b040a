"""Reading of a run's inputs, by the task of its data set."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from olsrepro.config.run_config import RunConfig
from olsrepro.launch.inputs.base import Inputs
from olsrepro.launch.pretrained import check_weights, pretrained_file
from olsrepro.launch.reader import read_data


def read_inputs(config: RunConfig, say: Callable[[str], None]) -> Inputs:
    """Read a run's data set and look for its initial weights.

    Raises:
        UserError: data or weights are missing, damaged or not what the config says.
    """
    data, reader = read_data(config, say)
    weights = pretrained_file(config, say)
    if weights is not None:
        check_weights(config, weights)
    kind: type[Inputs] = import_module(f"olsrepro.launch.inputs.{config.dataset.task}").TaskInputs
    return kind.of(config, data, reader, weights)
