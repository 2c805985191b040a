"""Names of a network's weights in files, by our keys."""

from __future__ import annotations

from torch import nn

CLASSIFIERS = ("fc", "predictors")
"""Layers whose shape depends on the classes: of every backbone, of every detector."""


def own_names(network: nn.Module) -> dict[str, str]:
    """Map each key of a network's state dict to itself, without its classifier's."""
    return {key: key for key in network.state_dict() if key.partition(".")[0] not in CLASSIFIERS}
