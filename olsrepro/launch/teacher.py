"""The network that teaches: its run is trained first where it is missing, its best weights are loaded and checked."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from olsrepro.config.run_config import RunConfig
from olsrepro.config.teacher import teacher_config
from olsrepro.distributed.news import from_first
from olsrepro.files.checksum import sha256
from olsrepro.models.registry import build_backbone
from olsrepro.settings import UserError
from olsrepro.store.teacher import WEIGHTS, teacher_folder, teacher_record
from olsrepro.training import checkpoint


def train_teacher(config: RunConfig, train: Callable[[RunConfig], object]) -> None:
    """Train the hard run that teaches, unless it is finished or the method wants none.

    Raises:
        UserError: the run that should teach can't.
    """
    own = teacher_config(config)
    if from_first(teacher_record(config) is None) and own is not None:
        train(own)


def load_teacher(config: RunConfig, device: torch.device) -> nn.Module | None:
    """The trained network, in evaluation mode and without gradients; None where the method wants none.

    Raises:
        UserError: the run can't teach, or its weights are not those that its record names.
    """
    record, folder = teacher_record(config), teacher_folder(config)
    if record is None or folder is None:
        return None
    path = folder / WEIGHTS
    if not path.is_file() or sha256(path) != record["files"][WEIGHTS]:
        raise UserError(
            f"{path} is gone or is not what its record names; train {folder.name} anew with --fresh, or name another"
            " run by method.teacher"
        )
    with torch.random.fork_rng(devices=[]):
        network = build_backbone(config.backbone, config.dataset.num_classes)
    network.load_state_dict(checkpoint.load(path)["weights"])
    return network.to(device).eval().requires_grad_(False)
