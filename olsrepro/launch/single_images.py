"""Refusal of parts of a step with a single image, where the network has no statistics for one."""

from __future__ import annotations

from copy import deepcopy

import torch

from olsrepro.config.run_config import RunConfig
from olsrepro.launch.ranks import smallest_part
from olsrepro.settings import UserError
from olsrepro.training.learner import Learner
from olsrepro.training.task import Task


def refuse_single_images(config: RunConfig, task: Task, learner: Learner) -> None:
    """Try, on copies, the smallest part of an epoch's last batch, if it has one image; every rank must call it.

    Batch normalisation of one value a channel, after a network's last pooling, is all that can't be computed.

    Raises:
        UserError: the network or the method's own layers can't be trained on a single image.
    """
    if smallest_part(config) > 1:
        return
    *_, parts = task.batches(0, task.steps_per_epoch() - 1)
    network, method = deepcopy((learner.network, learner.method))
    try:
        with torch.random.fork_rng(devices=[]):
            task.loss(method.train(), method.trained(network.train()), min(parts, key=lambda part: len(part.images)))
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise UserError(
            f"recipe.batch_size={config.recipe.batch_size} leaves a part of one image in the last batch of"
            f" dataset={config.dataset.name}, for which BatchNorm has no statistics in backbone={config.backbone.name}"
            f" or method={config.method.name}: choose another batch size, fewer ranks or passes, or"
            " recipe.batch_norm=frozen"
        ) from None
