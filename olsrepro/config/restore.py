"""RunConfig of a run, restored from the config in its record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from olsrepro.config.fill import fill
from olsrepro.config.run_config import RunConfig
from olsrepro.data.datasets.settings import dataset_class
from olsrepro.data.labels.settings import NoiseSettings
from olsrepro.methods import registry as methods
from olsrepro.models import registry as models
from olsrepro.training.runtime import RuntimeSettings
from olsrepro.training.tasks import task_kind


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
    backbone, method = config["backbone"], config["method"]
    dataset = fill("dataset", dataset_class(config["dataset"]["name"]), config["dataset"])
    return RunConfig(
        dataset=dataset,
        noise=fill("noise", NoiseSettings, config["noise"]),
        backbone=fill("backbone", models.settings_class(backbone["family"]), backbone),
        method=fill("method", methods.settings_class(method["name"]), method),
        recipe=fill("recipe", task_kind(dataset.task).recipe, config["recipe"]),
        runtime=runtime,
        seed=config["seed"],
        preset=config["preset"],
    )
