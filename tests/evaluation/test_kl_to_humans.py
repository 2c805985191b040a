"""The divergence from human labels: direction, samples, averages, levels, and batch norm that leaves no trace."""

from __future__ import annotations

import copy
import json
import math
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr
from torch import Tensor, nn
from torch.nn import functional as F
from toy_subject import ToyBackbone, ToySubject, toy_images

from olsrepro.data.labels.human_labels import HumanLabels
from olsrepro.evaluation.kl_to_humans.batch_norm import batch_statistics
from olsrepro.evaluation.kl_to_humans.divergence import (
    class_divergence,
    class_means,
    divergence,
    divergence_of_logits,
    mean_of_batch_means,
)
from olsrepro.evaluation.kl_to_humans.measure import BATCH
from olsrepro.evaluation.registry import measure, read_settings
from olsrepro.evaluation.subject import Result
from olsrepro.settings import UserError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/golden_evaluations.json").read_text())["examples"]
EXAMPLE, EXPECTED = GOLDEN["kl_human_model"]["inputs"], GOLDEN["kl_human_model"]["expected"]
HUMAN = torch.tensor(EXAMPLE["human"], dtype=torch.float64)
LOGITS, LABELS = torch.tensor(EXAMPLE["logits"]), torch.tensor(EXAMPLE["labels"])


def shares(count: int, classes: int, seed: int = 0) -> Tensor:
    """Distributions with zeros in them: float64 (count, classes)."""
    generator = torch.Generator().manual_seed(seed)
    votes = torch.randint(4, (count, classes), generator=generator).double()
    votes[:, 0] += 1
    return votes / votes.sum(dim=1, keepdim=True)


def golden_run() -> ToySubject:
    images, _ = toy_images(5, 3)
    return ToySubject(logits=LOGITS, test=(images, LABELS), people=HumanLabels(HUMAN, "five people"))


def measured(subject: ToySubject, **changes: Any) -> Result:
    return measure(read_settings({"name": "kl_to_humans"} | changes), subject)


def test_each_images_divergence_is_the_golden_one() -> None:
    found = divergence_of_logits(HUMAN, LOGITS)
    assert found.dtype == torch.float64
    assert found.tolist() == pytest.approx(EXPECTED["per_sample_kl_human_to_model"], abs=1e-6)


def test_the_correct_images_count_unless_all_are_asked_for() -> None:
    correct, everything = measured(golden_run()), measured(golden_run(), samples="all")
    assert correct.values["kl_to_humans"] == pytest.approx(EXPECTED["mean_correct_only"], abs=1e-6)
    assert everything.values["kl_to_humans"] == pytest.approx(EXPECTED["mean_all"], abs=1e-6)
    assert (correct.samples, everything.samples) == (4, 5)


def test_the_mean_of_batch_means_is_the_golden_one() -> None:
    found = mean_of_batch_means(divergence_of_logits(HUMAN, LOGITS), torch.ones(5, dtype=torch.bool), 3)
    chosen = torch.tensor(EXPECTED["correct"])
    expected = EXPECTED["mean_of_batch_means_batch3"]
    assert mean_of_batch_means(divergence_of_logits(HUMAN, LOGITS), chosen, 3) == pytest.approx(expected, abs=1e-6)
    assert found != pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("classes", [2, 10, 100])
def test_the_divergence_is_scipys_and_torchs(classes: int) -> None:
    human, logits = shares(50, classes), torch.randn(50, classes, dtype=torch.float64)
    found = divergence_of_logits(human, logits)
    assert found.tolist() == pytest.approx(
        rel_entr(human.numpy(), logits.softmax(dim=1).numpy()).sum(axis=1).tolist(), abs=1e-12
    )
    theirs = F.kl_div(logits.log_softmax(dim=1), human, reduction="batchmean")
    assert float(found.mean()) == pytest.approx(float(theirs), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-800, 800), min_size=2, max_size=6), st.integers(0, 10_000))
def test_it_is_never_negative_nor_infinite_for_logits_that_are_not(row: list[float], seed: int) -> None:
    found = divergence_of_logits(shares(1, len(row), seed), torch.tensor([row]))
    assert found.isfinite().all()
    assert float(found) >= -1e-12


def test_it_is_zero_for_a_model_that_says_what_people_say() -> None:
    human = shares(20, 5)
    assert divergence(human, human.log()).tolist() == [0] * 20


def test_a_class_that_only_people_see_makes_it_infinite_and_one_that_only_the_model_sees_does_not() -> None:
    model = torch.tensor([[0.5, 0.5, 0.0]], dtype=torch.float64)
    assert divergence(torch.tensor([[0.5, 0.25, 0.25]]), model.log()).isinf().all()
    assert float(divergence(torch.tensor([[1.0, 0.0, 0.0]]), model.log())) == pytest.approx(math.log(2))


def slow_mean(values: list[float], chosen: list[bool], size: int) -> float:
    means = []
    for at in range(0, len(values), size):
        of_batch = [value for value, wanted in list(zip(values, chosen, strict=True))[at : at + size] if wanted]
        if of_batch:
            means.append(sum(of_batch) / len(of_batch))
    return sum(means) / len(means)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 5), st.booleans()), min_size=1, max_size=20).filter(
        lambda rows: any(wanted for _, wanted in rows)
    ),
    st.integers(1, 25),
)
def test_batches_are_cut_before_samples_are_chosen(rows: list[tuple[float, bool]], size: int) -> None:
    values, chosen = [value for value, _ in rows], [wanted for _, wanted in rows]
    found = mean_of_batch_means(torch.tensor(values, dtype=torch.float64), torch.tensor(chosen), size)
    assert found == pytest.approx(slow_mean(values, chosen, size), abs=1e-9)


def big_run(count: int = 300) -> ToySubject:
    """Two full batches and a short one, a network with batch norm whose running statistics fit nothing."""
    return ToySubject(
        test=toy_images(count, 3), backbone=normed_network(), people=HumanLabels(shares(count, 3), "dice"), classes=3
    )


class NormedBackbone(ToyBackbone):
    """With batch norm and dropout before the classifier."""

    def __init__(self) -> None:
        super().__init__(3)
        self.norm, self.dropout = nn.BatchNorm2d(8), nn.Dropout(0.5)

    def stage_features(self, images: Tensor) -> dict[str, Tensor]:
        features = super().stage_features(images)
        return features | {"layer2": self.dropout(self.norm(features["layer2"]))}


def normed_network() -> NormedBackbone:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = NormedBackbone()
        nn.init.normal_(network.norm.weight)
        nn.init.normal_(network.norm.running_mean)
        nn.init.normal_(network.fc.weight)
    network.norm.running_var.fill_(2.5)
    return network.eval().requires_grad_(False)


def test_batches_average_over_the_means_of_128_test_images() -> None:
    subject = big_run()
    logits, targets = subject.test_logits()
    values, chosen = divergence_of_logits(subject.human_labels().shares, logits), logits.argmax(1) == targets
    by_batches = measured(subject, average="batches").values["kl_to_humans"]
    assert BATCH == 128
    assert by_batches == pytest.approx(slow_mean(values.tolist(), chosen.tolist(), 128), abs=1e-12)
    by_images = measured(subject).values["kl_to_humans"]
    assert by_images == pytest.approx(float(values[chosen].mean()), abs=1e-12)
    assert by_images != by_batches


def normalised(subject: ToySubject) -> Tensor:
    pixels = subject.images("test").images.float() / 255
    return (pixels - subject.mean.view(1, 3, 1, 1)) / subject.std.view(1, 3, 1, 1)


def training_mode_logits(subject: ToySubject) -> Tensor:
    """What the authors' evaluation sees: a copy in training mode, here without its dropout, in batches of 128."""
    network = copy.deepcopy(subject.network()).train()
    network.dropout.eval()
    with torch.no_grad():
        return torch.cat([network(batch) for batch in normalised(subject).split(128)])


def test_batch_norm_by_the_batch_is_that_of_training_mode_in_batches_of_128() -> None:
    subject = big_run()
    result = measured(subject, bn="batch")
    logits = training_mode_logits(subject)
    expected = divergence_of_logits(subject.human_labels().shares, logits)
    assert result.tensors["divergence"].tolist() == pytest.approx(expected.tolist(), abs=1e-5)
    assert torch.equal(result.tensors["correct"], logits.argmax(1) == subject.images("test").targets)
    assert result.values["kl_to_humans"] != pytest.approx(measured(subject).values["kl_to_humans"], abs=1e-3)


def test_batch_norm_by_the_batch_leaves_no_trace_in_the_network() -> None:
    subject = big_run()
    before = copy.deepcopy(subject.network().state_dict())
    measured(subject, bn="batch")
    after = subject.network().state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert not any(module.training for module in subject.network().modules())


def test_running_statistics_come_back_after_an_error() -> None:
    network = normed_network()
    before = network.norm.running_mean
    with pytest.raises(RuntimeError), batch_statistics(network):
        network(torch.zeros(1))
    assert network.norm.running_mean is before
    assert "norm.running_mean" in network.state_dict()


def test_the_divergence_of_every_image_is_kept_for_subsets_that_runs_share() -> None:
    result = measured(golden_run())
    assert result.tensors["divergence"].tolist() == pytest.approx(EXPECTED["per_sample_kl_human_to_model"], abs=1e-6)
    assert result.tensors["correct"].tolist() == EXPECTED["correct"]
    assert result.detail["mean_over_all"] == pytest.approx(EXPECTED["mean_all"], abs=1e-6)
    assert result.detail["human_labels"] == "five people"
    json.dumps(result.detail, allow_nan=False)


def test_a_classs_mean_is_that_of_its_images() -> None:
    human, targets = shares(60, 4), torch.arange(60) % 4
    means = class_means(human, targets)
    for k in range(4):
        assert means[k].tolist() == pytest.approx(human[targets == k].mean(dim=0).tolist(), abs=1e-12)


def test_a_class_without_images_has_no_divergence() -> None:
    found = class_divergence(shares(6, 3), torch.tensor([0, 0, 0, 1, 1, 1]), torch.full((3, 3), 1 / 3))
    assert found.isnan().tolist() == [False, False, True]


def class_run(table: Tensor | None) -> ToySubject:
    return ToySubject(test=toy_images(60, 3), people=HumanLabels(shares(60, 3), "dice"), table=table)


def test_the_class_level_compares_mean_human_labels_with_soft_labels() -> None:
    table = torch.tensor([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.05, 0.05, 0.9]])
    subject = class_run(table)
    result = measured(subject, level="class")
    expected = []
    for k in range(3):
        human = subject.human_labels().shares[subject.images("test").targets == k].mean(dim=0)
        expected.append(rel_entr(human.numpy(), table[k].double().numpy()).sum())
    assert result.values["kl_to_humans"] == pytest.approx(sum(expected) / 3, abs=1e-12)
    assert list(result.detail["by_class"].values()) == pytest.approx(expected, abs=1e-12)
    assert result.samples == 60


def test_soft_labels_that_exclude_what_people_see_are_told() -> None:
    with pytest.raises(UserError, match=r"^toy-s0's soft label of class 0 is 0 .*kl_to_humans\.level=image"):
        measured(class_run(torch.eye(3)), level="class")


def test_the_class_level_needs_a_run_that_keeps_soft_labels() -> None:
    with pytest.raises(UserError, match="keeps no label table"):
        measured(class_run(None), level="class")


def test_a_run_that_gets_nothing_right_is_told_what_to_do() -> None:
    subject = golden_run()
    subject.logits = torch.eye(3)[(LABELS + 1) % 3]
    with pytest.raises(UserError, match=r"^toy-s0 classifies no test image correctly; kl_to_humans\.samples=all"):
        measured(subject)
    assert measured(subject, samples="all").samples == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"samples": "corect"}, r"samples=corect is not known; did you mean correct\?"),
        ({"average": "batch"}, r"average=batch is not known; did you mean batches\?"),
        ({"level": "classes"}, r"level=classes is not known; did you mean class\?"),
        ({"bn": "runing"}, r"bn=runing is not known; did you mean running\?"),
        ({"weights": "first"}, "weights=first is not known"),
        ({"level": "class", "samples": "all"}, "samples=all has no effect with level=class"),
        ({"level": "class", "bn": "batch"}, "bn=batch has no effect with level=class"),
        ({"level": "class", "average": "batches"}, "average=batches has no effect with level=class"),
    ],
)
def test_a_switch_without_meaning_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=rf"^kl_to_humans\.{message}"):
        read_settings({"name": "kl_to_humans"} | changes)


def test_a_test_set_of_ten_thousand_images_and_a_hundred_classes_takes_less_than_two_seconds() -> None:
    human, logits = shares(10_000, 100), torch.randn(10_000, 100)
    begin = time.perf_counter()
    mean_of_batch_means(divergence_of_logits(human, logits), torch.ones(10_000, dtype=torch.bool), 128)
    assert time.perf_counter() - begin < 2
