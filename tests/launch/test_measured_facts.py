"""Facts of methods and data sets that are measured, not trained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import photo_files
import pytest
import torch
from quick_composer import composed
from torch import Tensor, nn

from olsrepro.config.run_config import RunConfig
from olsrepro.data.batch import Batch
from olsrepro.data.registry import read_dataset
from olsrepro.launch.measuring import facts as measuring
from olsrepro.launch.measuring.facts import dataset_facts, measure, method_facts
from olsrepro.methods.base import LabelMethod, StepOutput
from olsrepro.methods.registry import method_names
from olsrepro.store.facts import facts_id, read_facts
from olsrepro.training.learner import Learner

PLAIN = {"class_level": 1.0, "teacher": 0.0, "special_network": 0.0, "forward_passes": 1.0}


def config(method: str = "ols", dataset: str = "digits") -> RunConfig:
    return composed(f"method={method}", f"dataset={dataset}", "backbone=resnet8", "backbone.width=0.25")


@pytest.mark.parametrize("method", ["hard", "ls", "ols"])
def test_a_class_level_method_makes_one_pass_and_needs_neither_teacher_nor_network(method: str) -> None:
    assert method_facts(config(method)) == PLAIN


@pytest.mark.parametrize("method", method_names())
def test_every_methods_facts_can_be_measured_twice_alike(method: str) -> None:
    assert method_facts(config(method)) == method_facts(config(method))


class TwoViews(LabelMethod):
    """The other view's prediction is the target."""

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        logits, other = network(batch.images), network(batch.images.flip(3))
        return StepOutput(nn.functional.cross_entropy(logits, other.softmax(1)), logits)


class Taught(LabelMethod):
    """Another network's prediction is the target."""

    def __init__(self, teacher: nn.Module) -> None:
        super().__init__()
        self.teacher = [teacher]  # hidden from `parameters`: it is not trained

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        with torch.no_grad():
            target: Tensor = self.teacher[0](batch.images).softmax(1)
        logits = network(batch.images)
        return StepOutput(nn.functional.cross_entropy(logits, target), logits)


class WithHead(LabelMethod):
    """A second head learns the same hard labels."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(classes, classes)

    def forward(self, network: nn.Module, batch: Batch) -> StepOutput:
        logits = network(batch.images)
        side = self.head(logits.detach())
        loss = nn.functional.cross_entropy(logits, batch.targets) + nn.functional.cross_entropy(side, batch.targets)
        return StepOutput(loss, logits)


def with_method(monkeypatch: pytest.MonkeyPatch, method: LabelMethod) -> None:
    learner = measuring._learner(config("hard"))
    made = Learner(learner.network, method, learner.optimizer, learner.network, learner.network, learner.learning_rate)
    monkeypatch.setattr(measuring, "_learner", lambda _: made)


def test_a_second_view_is_a_second_pass_and_its_targets_are_each_samples_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with_method(monkeypatch, TwoViews())
    assert method_facts(config("hard")) == PLAIN | {"class_level": 0.0, "forward_passes": 2.0}


def test_a_teachers_pass_counts_and_its_targets_are_each_samples_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with_method(monkeypatch, Taught(measuring._learner(config("hard")).network))
    assert method_facts(config("hard")) == PLAIN | {"class_level": 0.0, "teacher": 1.0, "forward_passes": 2.0}


def test_a_head_of_the_methods_own_is_a_special_network(monkeypatch: pytest.MonkeyPatch) -> None:
    with_method(monkeypatch, WithHead(10))
    assert method_facts(config("hard")) == PLAIN | {"special_network": 1.0}


def test_a_data_sets_facts_are_counted_in_its_images() -> None:
    assert dataset_facts(config()) == {"categories": 10.0, "train_images": 1437.0, "test_images": 360.0}


def test_the_facts_of_photographs_are_counted_in_their_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = photo_files.write(tmp_path, "flowers")
    monkeypatch.setattr(measuring, "read_dataset", lambda _, root: read_dataset(own, root))
    own = photo_files.settings("flowers", sizes)
    run = config()
    run = replace(run, dataset=own, runtime=replace(run.runtime, data_dir=str(tmp_path)))
    found = dataset_facts(run)
    assert found == {
        "categories": sizes.num_classes,
        "train_images": sizes.train_size,
        "test_images": sizes.test_size,
    }


def test_measured_facts_are_left_in_the_store_with_their_provenance(tmp_path: Path) -> None:
    path = measure("dataset", config())
    record = read_facts(path.parent)
    assert record is not None
    assert path.parent == tmp_path / "runs" / "facts" / facts_id("dataset", config())
    assert record["facts"] == dataset_facts(config())
    assert json.loads(path.read_text())["history"][0]["code"]


def test_facts_are_of_the_component_alone() -> None:
    assert facts_id("method", config("ols")) == facts_id("method", config("ols", "cifar10"))
    assert facts_id("method", config("ols")) != facts_id("method", config("ls"))
    assert facts_id("dataset", config("ols")) == facts_id("dataset", config("ls"))
