"""First lines about a run: what it is, where it trains, where it resumes."""

from __future__ import annotations

import torch

from olsrepro.launch.job import Job
from olsrepro.launch.provenance import is_bitwise
from olsrepro.launch.ranks import ranks_text
from olsrepro.training.recipe import REPLACED
from olsrepro.training.trainer import Trainer


def announce(job: Job, trainer: Trainer, device: torch.device) -> None:
    """Tell the user what is about to be trained, and from where."""
    config, progress = job.config, trainer.progress
    what = f"{config.dataset.name} · {config.backbone.name} · {config.method.name} · seed {config.seed}"
    if config.method.own_recipe(config.recipe.epochs) is not None:
        own = f"method={config.method.name} brings its own optimiser and schedule"
        job.say(f"{own}; the recipe's {', '.join(REPLACED)} are not used")
    job.say(f"{job.run_id}: {what} · preset {config.preset} · {config.recipe.epochs} epochs on {device}{ranks_text()}")
    if progress.epoch or progress.step:
        job.say(f"resuming after epoch {progress.epoch}, step {progress.step}")
    if not is_bitwise(trainer.history):
        job.say("an earlier process used other threads, ranks, device or versions: no longer bit-identical")
