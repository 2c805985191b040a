"""Optimiser of a run, built from settings."""

from __future__ import annotations

import torch
from torch import nn

from olsrepro.methods.settings import OwnRecipe
from olsrepro.training.recipe import RecipeSettings


def build_optimizer(
    parameters: list[nn.Parameter], recipe: RecipeSettings, own: OwnRecipe | None = None
) -> torch.optim.Optimizer:
    """Build SGD from the recipe or a method's own; BatchNorm's parameters decay too, as in the authors' code."""
    said = recipe if own is None else own
    return torch.optim.SGD(parameters, recipe.lr, said.momentum, weight_decay=said.weight_decay, nesterov=said.nesterov)
