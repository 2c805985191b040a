"""No step of a training waits for the device: nothing in it reads a tensor's value or makes a shape of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from registry import SETTINGS, TINY
from torch.utils._python_dispatch import TorchDispatchMode

from olsrepro.config.compose import compose_run
from olsrepro.data.noise.noisy_labels import noisy_targets
from olsrepro.data.registry import read_dataset
from olsrepro.launch.inputs.classification import clean_samples
from olsrepro.losses import criterion
from olsrepro.models.registry import build_backbone
from olsrepro.training.classification.task import ClassificationTask
from olsrepro.training.device import prepare_device
from olsrepro.training.learner import build_learner

WAITING = {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::equal", "aten::unique_dim"}


class NoWaiting(TorchDispatchMode):
    """Refuses the operations that a GPU would have to finish its queue for."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func.name() not in WAITING, f"{func.name()} waits for the device"
        return func(*args, **(kwargs or {}))


def test_the_watch_sees_a_value_that_is_read() -> None:
    with NoWaiting(), pytest.raises(AssertionError, match="waits for the device"):
        float(torch.ones(()).sum())


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_step_never_waits_for_the_device(setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(criterion, "_is_readable", lambda target: False)  # as of a target on a GPU
    config = compose_run([*TINY, *SETTINGS[setting]])
    device = prepare_device(config.runtime)
    data = read_dataset(config.dataset, tmp_path)
    labels = noisy_targets(data.train_targets, config.dataset.num_classes, config.noise, config.seed)
    clean = clean_samples(config, data)
    task = ClassificationTask(data, labels, config.recipe, config.method, config.seed, device, clean=clean)
    teacher = build_backbone(config.backbone, config.dataset.num_classes).eval().requires_grad_(False)
    parts = (config.backbone, config.method, config.dataset, config.recipe, config.runtime)
    learner = build_learner(*parts, config.seed, device, teacher if config.method.wants_teacher else None)
    with NoWaiting():
        for step, (batch,) in enumerate(task.batches(0, 0)):
            output = learner.method(learner.forward, batch)
            output.loss.backward()
            learner.optimizer.step()
            learner.method.after_step()
            task.counters.add(step, batch, output)
