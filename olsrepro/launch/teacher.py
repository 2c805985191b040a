"""Network that teaches a run: the run that must be finished first, and its best weights, loaded and checked."""

from __future__ import annotations

import torch
from torch import nn

from olsrepro.config.run_config import RunConfig
from olsrepro.config.teacher import teacher_config
from olsrepro.distributed.news import from_first
from olsrepro.files.checksum import sha256
from olsrepro.launch.ranks import together
from olsrepro.models.registry import build_backbone
from olsrepro.settings import UserError
from olsrepro.store.teacher import WEIGHTS, teacher_folder, teacher_record
from olsrepro.training import checkpoint


def missing_teacher(config: RunConfig) -> RunConfig | None:
    """Return the run that must be trained before this one: the hard run that teaches it, where the store lacks that.

    Every rank must call it; all get what the first one found.

    Raises:
        UserError: the run named as teacher can't teach this one.
    """
    own = teacher_config(config)
    return own if from_first(together(lambda: teacher_record(config) is None)) else None


def load_teacher(config: RunConfig, device: torch.device) -> nn.Module | None:
    """Load the trained network, in evaluation mode and without gradients; None where the method wants none.

    Raises:
        UserError: the run that teaches is not finished or can't teach, or its weights are not those of its record.
    """
    folder = teacher_folder(config)
    if folder is None:
        return None
    record = teacher_record(config)
    if record is None:
        raise UserError(f"method={config.method.name} needs a teacher, but its hard run {folder.name} is not finished")
    path = folder / WEIGHTS
    if not path.is_file() or sha256(path) != record["files"][WEIGHTS]:
        raise UserError(
            f"{path} is gone or is not the file that its record names; train {folder.name} again with --fresh, or name"
            " another run with method.teacher=RUN_ID"
        )
    with torch.random.fork_rng(devices=[]):
        network = build_backbone(config.backbone, config.dataset.num_classes)
    network.load_state_dict(checkpoint.load(path)["weights"])
    return network.to(device).eval().requires_grad_(False)
