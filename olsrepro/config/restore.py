"""The RunConfig that a record was made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from olsrepro.config.fill import fill
from olsrepro.config.run_config import RunConfig
from olsrepro.training.runtime import RuntimeSettings


def restored(config: Mapping[str, Any], runtime: RuntimeSettings) -> RunConfig:
    """Return the config that :meth:`RunConfig.as_dict` gave, to be executed as ``runtime`` says.

    Raises:
        UserError: it holds what the code no longer knows.
    """
    groups = ("dataset", "noise", "backbone", "method", "recipe")
    return RunConfig(
        **{group: fill(group, config[group]) for group in groups},
        runtime=runtime,
        seed=config["seed"],
        preset=config["preset"],
    )
