"""RunConfig of a run, restored from the config in its record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from olsrepro.config.fill import fill
from olsrepro.config.run_config import RunConfig
from olsrepro.training.runtime import RuntimeSettings


def restored(config: Mapping[str, Any], runtime: RuntimeSettings) -> RunConfig:
    """Return the run whose config :meth:`RunConfig.as_dict` gave, to be executed as ``runtime`` says.

    Raises:
        UserError: it has components or keys that the code no longer has.
    """
    return as_written(config, runtime).shortest()


def as_written(config: Mapping[str, Any], runtime: RuntimeSettings) -> RunConfig:
    """Return the run of a config with each switch at its written value, even where the recipe implies it.

    Raises:
        UserError: it has components or keys that the code no longer has.
    """
    groups = ("noise", "backbone", "method")
    dataset = fill("dataset", config["dataset"])
    return RunConfig(
        dataset=dataset,
        **{group: fill(group, config[group]) for group in groups},
        recipe=fill("recipe", {"task": dataset.task} | config["recipe"]),  # older records don't name it
        runtime=runtime,
        seed=config["seed"],
        preset=config["preset"],
    )
