"""The task of a detector by itself: what each label method makes of its loss, what is counted, how it is tested."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import voc_files
from detection.raw_maps import Drawn, held_places, places, raw_maps
from quick_composer import composed
from torch import Tensor, nn

from olsrepro.data.dataset import DetectionSet
from olsrepro.data.detection.batch import DetectionBatch
from olsrepro.data.loaders import ReaderOptions
from olsrepro.detection.loss import DetectionLoss
from olsrepro.evaluation.detection.average_precision import mean_average_precision
from olsrepro.evaluation.detection.settings import Settings as Scoring
from olsrepro.methods.base import LabelMethod, MethodContext
from olsrepro.methods.registry import build_method
from olsrepro.training.detection.settings import KEPT, DetectionRecipe
from olsrepro.training.detection.task import DetectionCounters, DetectionOutput, DetectionTask
from olsrepro.training.task import NonFinite

CPU = torch.device("cpu")
SIDE, BATCH, CLASSES = 64, 3, 20
ANCHOR = torch.tensor([10.0, 13.0])
"""Width and height of the smallest anchor; a box of this size, centred in its cell, is near no other one."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DetectionSet:
    return voc_files.small_voc(tmp_path_factory.mktemp("voc"))


def task_of(data: DetectionSet, *, accumulate: int = 1, **recipe: Any) -> DetectionTask:
    settings = DetectionRecipe(epochs=2, batch_size=BATCH, **recipe)
    return DetectionTask(data, settings, SIDE, 0, CPU, reader=ReaderOptions(), accumulate=accumulate)


def method_of(name: str, *lines: str, classes: int = CLASSES) -> LabelMethod:
    settings = composed("dataset=voc", "backbone=yolo_mobilenetv2", f"method={name}", *lines).method
    return build_method(settings, MethodContext(classes, seed=0)).train()


class Says(nn.Module):
    """A network that says the same whatever it sees."""

    def __init__(self, maps: Sequence[Tensor]) -> None:
        super().__init__()
        self.maps = list(maps)

    def forward(self, images: Tensor) -> list[Tensor]:
        return [one[: len(images)] for one in self.maps]


def first_batch(task: DetectionTask) -> DetectionBatch:
    ((batch,), *_) = task.batches(0, 0)
    return batch


def class_loss(maps: Sequence[Tensor], batch: DetectionBatch, target_of: Callable[[int], Tensor]) -> float:
    """From the definition: over the places that objects hold, one by one."""
    objects = Drawn(batch.boxes, batch.classes, batch.weights, batch.owners)
    held, _ = held_places(objects)
    total = 0.0
    for place in places(maps):
        if (number := held.get(place.key)) is not None:
            target, chance = target_of(int(batch.classes[number])), place.raw[5:].double().sigmoid()
            terms = target * chance.log() + (1 - target) * (1 - chance).log()
            total -= float(batch.weights[number]) * float(terms.sum())
    return total / len(batch.images)


def one_hot(label: int, classes: int = CLASSES) -> Tensor:
    return torch.eye(classes, dtype=torch.float64)[label]


TARGETS: dict[str, Callable[[int], Tensor]] = {
    "hard": one_hot,
    "ls": lambda label: 0.99 * one_hot(label) + 0.01 / CLASSES,
    "ols": one_hot,  # in its first period
}


@pytest.mark.parametrize("name", TARGETS)
def test_a_label_method_says_what_the_classes_of_objects_are_compared_with(name: str, data: DetectionSet) -> None:
    task, maps = task_of(data, mixup=0.9, loss_scale=2.0), raw_maps(BATCH, CLASSES, SIDE, SIDE)
    batch = first_batch(task)
    output = task.loss(method_of(name), Says(maps), batch)
    parts = output.parts
    assert (batch.weights < 1).any()
    assert float(parts.classification) == pytest.approx(class_loss(maps, batch, TARGETS[name]), rel=1e-5)
    assert float(output.loss) == pytest.approx(2 * float(parts.box + parts.objectness + parts.classification), rel=1e-6)
    if name != "hard":
        hard = task.loss(method_of("hard"), Says(maps), batch).parts
        assert torch.equal(torch.stack([parts.box, parts.objectness]), torch.stack([hard.box, hard.objectness]))


def test_the_authors_alpha_changes_no_loss_and_the_gradients_of_boxes_alone(data: DetectionSet) -> None:
    losses, gradients = [], []
    for ciou_alpha in ("detached", "authors"):
        network = Says([one.requires_grad_() for one in raw_maps(BATCH, CLASSES, SIDE, SIDE)])
        task = task_of(data, ciou_alpha=ciou_alpha)
        loss = task.loss(method_of("hard"), network, first_batch(task)).loss
        loss.backward()
        losses.append(loss.detach())
        gradients.append(torch.cat([one.grad.view(BATCH, 3, 5 + CLASSES, -1) for one in network.maps], dim=-1))
    assert torch.equal(*losses)
    moved = (gradients[0] - gradients[1]).abs().amax(dim=(0, 1, 3))
    assert (moved[:4] > 0).all()
    assert (moved[2:4] > 1e-3).all()
    assert not moved[4:].any()


@pytest.mark.parametrize("name", ["hard", "ls"])
def test_plain_labels_are_the_same_after_an_epoch(name: str, data: DetectionSet) -> None:
    task, network, method = task_of(data), Says(raw_maps(BATCH, CLASSES, SIDE, SIDE)), method_of(name)
    batch = first_batch(task)
    before = task.loss(method, network, batch).loss
    method.end_epoch()
    assert torch.equal(task.loss(method, network, batch).loss, before)
    assert method.label_table() is None


CELLS = ((2, 2), (4, 4), (6, 6))
LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, -1.0, 0.0]])


def three_objects() -> tuple[DetectionBatch, Says]:
    """One image with objects of class 0 in three cells, whose positives say :data:`LOGITS`: the second is wrong."""
    maps = [torch.zeros(1, 3 * (5 + 3), SIDE // stride, SIDE // stride) for stride in (8, 16, 32)]
    for (row, column), logits in zip(CELLS, LOGITS, strict=True):
        maps[0][0, 5:8, row, column] = logits
    centres = torch.tensor([(column, row) for row, column in CELLS]) * 8 + 4.0
    batch = DetectionBatch(
        images=torch.zeros(1, 3, SIDE, SIDE),
        boxes=torch.cat([centres - ANCHOR / 2, centres + ANCHOR / 2], dim=1),
        classes=torch.zeros(3, dtype=torch.int64),
        weights=torch.ones(3),
        owners=torch.zeros(3, dtype=torch.int64),
        indices=torch.zeros(1, dtype=torch.int64),
        epoch=0,
    )
    return batch, Says(maps)


def cross_entropy(target: Sequence[float], logits: Sequence[float]) -> float:
    """Of one sigmoid a class, summed, with ``log(1 + e^z) - t z``."""
    return sum(math.log1p(math.exp(z)) - t * z for t, z in zip(target, logits, strict=True))


def test_ols_learns_the_mean_of_right_positives_and_mixes_it_with_the_hard_label(data: DetectionSet) -> None:
    task, method = task_of(data), method_of("ols", classes=3)
    batch, network = three_objects()
    hard = sum(cross_entropy([1, 0, 0], logits) for logits in LOGITS.tolist())
    first = task.loss(method, network, batch).parts
    assert int(first.positive.sum()) == 3
    assert float(first.classification) == pytest.approx(hard, rel=1e-5)
    method.end_epoch()
    # (sigmoid(2) + sigmoid(1)) / 2, (sigmoid(0) + sigmoid(-1)) / 2 and the reverse: by the count, not by their sum.
    learnt = [0.805928, 0.384471, 0.384471]
    assert method.label_table()[0].tolist() == pytest.approx(learnt, abs=1e-6)  # type: ignore[index]
    assert method.label_table()[1:].tolist() == [[pytest.approx(1 / 3)] * 3] * 2  # type: ignore[index]
    mixed = [0.5 + learnt[0] / 2, learnt[1] / 2, learnt[2] / 2]
    expected = sum(cross_entropy(mixed, logits) for logits in LOGITS.tolist())
    second = task.loss(method, network, batch).parts
    assert float(second.classification) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("accumulate", "counted"), [("correct", 2), ("all", 3)])
def test_of_all_anchors_only_those_that_are_positive_are_observed(
    accumulate: str, counted: int, data: DetectionSet
) -> None:
    method = method_of("ols", f"method.accumulate={accumulate}", classes=3)
    batch, network = three_objects()
    parts = task_of(data).loss(method, network, batch).parts
    assert len(parts.positive) == 27
    state = method.state_dict()
    assert state["criterion.table.counts"].tolist() == [counted, 0, 0]
    shown = LOGITS[[0, 2]] if accumulate == "correct" else LOGITS
    torch.testing.assert_close(state["criterion.table.sums"][0], shown.double().sigmoid().sum(0), rtol=1e-6, atol=0)


def test_nothing_is_observed_outside_of_training(data: DetectionSet) -> None:
    method = method_of("ols", classes=3)
    batch, network = three_objects()
    task_of(data).loss(method.eval(), network, batch)
    with torch.no_grad():
        task_of(data).loss(method.train(), network, batch)
    assert method.state_dict()["criterion.table.counts"].tolist() == [0, 0, 0]


def test_what_is_observed_has_no_gradient(data: DetectionSet) -> None:
    batch, network = three_objects()
    network.maps = [one.requires_grad_() for one in network.maps]
    method = method_of("ols", classes=3)
    task_of(data).loss(method, network, batch).loss.backward()
    assert all(one.grad is not None and one.grad.any() for one in network.maps)
    assert not any(
        tensor.requires_grad for tensor in method.state_dict(keep_vars=True).values() if torch.is_tensor(tensor)
    )


def test_parts_of_a_batch_add_up_to_it(data: DetectionSet) -> None:
    """By their shares: of three images two are in one part."""
    task, whole, maps = task_of(data, accumulate=2), task_of(data), raw_maps(BATCH, CLASSES, SIDE, SIDE)
    parts = next(iter(task.batches(0, 0)))
    sizes = [len(part.images) for part in parts]
    assert sorted(sizes) == [1, 2]
    method, total, start = method_of("hard"), 0.0, 0
    for part, size in zip(parts, sizes, strict=True):
        says = Says([one[start : start + size] for one in maps])
        total += part.share * float(task.loss(method, says, part).loss)
        start += size
    assert total == pytest.approx(float(whole.loss(method, Says(maps), first_batch(whole)).loss), rel=1e-5)


def output(box: float, objectness: float, classification: float, positives: int) -> DetectionOutput:
    numbers = map(torch.tensor, (box, objectness, classification))
    positive = torch.arange(9) < positives
    parts = DetectionLoss(*numbers, torch.zeros(9, 2), torch.zeros(9, dtype=torch.int64), positive)
    return DetectionOutput(2 * parts.total, parts)


def batch_of(images: int) -> Any:
    return type("Batch", (), {"images": torch.zeros(images, 3, 1, 1)})()


MEANS = {
    "train_loss": 10.0,  # what is minimised: twice the sum of the three
    "train_box_loss": 1.5,
    "train_objectness_loss": 2.0,
    "train_class_loss": 1.5,
    "n_positive": 9,
}


def test_losses_are_counted_by_images_and_positives_one_by_one() -> None:
    counters = DetectionCounters(CPU)
    counters.add(0, batch_of(4), output(2, 2, 2, 7))
    counters.add(1, batch_of(4), output(1, 2, 1, 2))
    assert counters.fields() == pytest.approx(MEANS)
    assert counters.images() == 8
    assert counters.first_bad_step() is None
    counters.reset()
    assert set(counters.fields().values()) == {0}


def test_a_larger_batch_counts_for_more() -> None:
    counters = DetectionCounters(CPU)
    counters.add(0, batch_of(3), output(1, 0, 0, 0))
    counters.add(1, batch_of(1), output(5, 0, 0, 0))
    assert counters.fields()["train_box_loss"] == pytest.approx(2.0)


def test_counts_go_on_inside_an_epoch() -> None:
    begun, ended = DetectionCounters(CPU), DetectionCounters(CPU)
    begun.add(0, batch_of(4), output(2, 2, 2, 7))
    ended.load_state_dict(copy.deepcopy(begun.state_dict()))
    begun.reset()
    ended.add(1, batch_of(4), output(1, 2, 1, 2))
    assert ended.fields() == pytest.approx(MEANS)


def test_the_first_step_whose_loss_is_not_finite_is_kept() -> None:
    counters = DetectionCounters(CPU)
    for step, value in enumerate((1.0, math.inf, math.nan)):
        counters.add(step, batch_of(2), output(value, 0, 0, 1))
    assert counters.first_bad_step() == 1


def seeing(data: DetectionSet, found: int) -> Says:
    """Raw maps with so many scores above the threshold, of one place and class each; zeros score a quarter."""
    maps = [torch.full((5, 3 * (5 + CLASSES), SIDE // stride, SIDE // stride), -20.0) for stride in (8, 16, 32)]
    cells = maps[0].view(5, 3, 5 + CLASSES, -1)
    for number in range(found):
        cells[:, number % 3, :, number // 3] = -20.0
        cells[:, number % 3, :5, number // 3] = torch.tensor([0, 0, -3, -3, number / 100])
        cells[:, number % 3, 5 + number % CLASSES, number // 3] = 4.0
    return Says(maps)


def test_a_test_scores_all_boxes_and_keeps_the_strongest_of_each_image(data: DetectionSet) -> None:
    task, network = task_of(data), seeing(data, 192)
    evaluation = task.evaluate(network)
    assert network.training
    assert evaluation.kind == "detections"
    found = task._found(network)
    assert found is not None
    assert max(map(len, found)) > KEPT
    assert evaluation.fields["n_test"] == len(found) == len(data.test_paths)
    assert evaluation.fields["n_detections"] == sum(map(len, found))
    assert evaluation.objective == 100 - evaluation.fields["test_mAP"]
    kept = evaluation.outputs
    assert kept["starts"].diff().tolist() == [min(KEPT, len(one)) for one in found]
    for one, scores in zip(found, kept["scores"].tensor_split(kept["starts"][1:-1]), strict=True):
        assert torch.equal(scores, one.scores.sort(descending=True).values[:KEPT])


def test_a_test_is_the_mean_average_precision_of_what_is_found(data: DetectionSet) -> None:
    """Of a network that sees nothing it is 0; of one that sees something, what scoring its boxes gives."""
    task, rule = task_of(data), Scoring().rule
    nothing = task.evaluate(seeing(data, 0))
    assert (nothing.fields["test_mAP"], nothing.fields["n_detections"]) == (0.0, 0)
    assert nothing.outputs["starts"].tolist() == [0] * (len(data.test_paths) + 1)
    network = seeing(data, 192)
    found = task._found(network)
    assert found is not None
    expected = mean_average_precision(found, data.test_objects, CLASSES, rule=rule).mean
    assert task.evaluate(network).fields["test_mAP"] == expected


def test_a_test_of_maps_that_are_not_finite_is_no_number(data: DetectionSet) -> None:
    network = seeing(data, 3)
    network.maps[1][0, 0, 0, 0] = math.inf
    with pytest.raises(NonFinite, match="the raw maps of a test image are not finite"):
        task_of(data).evaluate(network)


def test_a_batch_is_named_by_its_files(data: DetectionSet, tmp_path: Path) -> None:
    task = task_of(data)
    (batch,) = list(task.batches(1, 0))[1]
    assert task.files_of(1, 1) == ", ".join(data.train_paths[index] for index in batch.indices.tolist())
    assert task.files_of(1, 1).count("JPEGImages") == BATCH
