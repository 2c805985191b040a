"""A composed config as YAML, for people and for the run's folder."""

from __future__ import annotations

from omegaconf import OmegaConf

from olsrepro.config.run_config import RunConfig


def to_yaml(config: RunConfig) -> str:
    """Return the resolved config as YAML, groups in the order of :class:`RunConfig`."""
    return OmegaConf.to_yaml(OmegaConf.create(config.as_dict()))
