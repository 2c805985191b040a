"""Our first epoch beside the authors' published log of ResNet-34 with OLS on CIFAR-100.

The log is cifar/*.log of zhangchbin/OnlineLabelSmoothing (batch 128, 391 steps an epoch). Run first:

    olsrepro train dataset=cifar100 backbone=cifar_resnet34 method=ols method.variant=official_cifar \
        preset=paper recipe.epochs=1 recipe.milestones=[150,225]

then `python scripts/authors_log.py`. The first batch's loss is computed here; the errors are read from the record.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from olsrepro.config.compose import compose_run
from olsrepro.data.noise.noisy_labels import noisy_targets
from olsrepro.data.registry import read_dataset
from olsrepro.launch.build import learner_of
from olsrepro.store.identity import run_id
from olsrepro.training.classification.task import ClassificationTask
from olsrepro.training.device import prepare_device

RUN = [
    "dataset=cifar100",
    "backbone=cifar_resnet34",
    "method=ols",
    "method.variant=official_cifar",
    "preset=paper",
    "recipe.epochs=1",
    "recipe.milestones=[150,225]",
]
AUTHORS = {"loss of the first batch": 2.3301, "test top-1 error after epoch 0, %": 81.94, "test top-5 error, %": 53.58}


def main() -> None:
    config = compose_run(RUN)
    ours = [_first_loss(config), *_errors(Path(config.runtime.runs_dir) / run_id(config) / "record.json")]
    print(f"{'':34}{'authors':>10}{'ours':>10}   (seed {config.seed}; the authors' is 2019)")
    for (name, theirs), value in zip(AUTHORS.items(), ours, strict=True):
        print(f"{name:34}{theirs:10.4f}{value if isinstance(value, str) else f'{value:.4f}':>10}")


def _first_loss(config) -> float:
    device = prepare_device(config.runtime)
    data = read_dataset(config.dataset, Path(config.runtime.data_dir))
    labels = noisy_targets(data.train_targets, config.dataset.num_classes, config.noise, config.seed)
    task = ClassificationTask(data, labels, config.recipe, config.method, config.seed, device)
    learner = learner_of(config, device)
    with torch.no_grad():
        return float(learner.method(learner.network.train(), next(task.batches(0, 0))[0]).loss)


def _errors(record: Path) -> list[float | str]:
    if not record.is_file():
        return ["not run", "not run"]
    last = json.loads(record.read_text())["errors"]["last"]
    return [last["top1_err"], last["top5_err"]]


if __name__ == "__main__":
    main()
