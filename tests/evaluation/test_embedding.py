"""The embedding: tightness against golden values, scikit-learn and a loop; the subset, the features, the picture."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import silhouette_score
from torch import Tensor
from torch.nn import functional as F
from toy_subject import ToySubject, toy_images, toy_network

from olsrepro.data.image_source import TensorImages
from olsrepro.evaluation import registry
from olsrepro.evaluation.embedding import tightness as room
from olsrepro.evaluation.embedding.features import first_of_each_class, penultimate_features
from olsrepro.evaluation.embedding.measure import measure
from olsrepro.evaluation.embedding.projection import possible_perplexity, t_sne
from olsrepro.evaluation.embedding.settings import Settings
from olsrepro.evaluation.embedding.tightness import distance_sums, tightness
from olsrepro.settings import UserError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/golden_evaluations.json").read_text())
TIGHTNESS = GOLDEN["examples"]["embedding_tightness"]
FEATURES = torch.tensor(TIGHTNESS["inputs"]["features"], dtype=torch.float64)
LABELS = torch.tensor(TIGHTNESS["inputs"]["labels"])


def clusters(classes: int, each: int, channels: int = 16, spread: float = 1.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, channels, generator=generator, dtype=torch.float64)
    labels = torch.arange(classes * each) % classes
    noise = torch.randn(len(labels), channels, generator=generator, dtype=torch.float64)
    return centres[labels] + spread * noise, labels


def ratio_by_pairs(features: Tensor, labels: Tensor) -> float:
    """From the definition: every pair of samples, one at a time."""
    rows, classes = features.tolist(), labels.tolist()
    distances: dict[bool, list[float]] = {True: [], False: []}
    for i in range(len(rows)):
        for j in range(i):
            distances[classes[i] == classes[j]].append(math.dist(rows[i], rows[j]))
    intra, inter = (sum(distances[same]) / len(distances[same]) for same in (True, False))
    return intra / inter


def variances_by_sample(features: Tensor, labels: Tensor) -> float:
    """From the definition: each sample against its class's mean, and its class's mean against that of all."""
    within = between = 0.0
    for sample, label in zip(features, labels, strict=True):
        mean = features[labels == label].mean(0)
        within += float((sample - mean).square().sum())
        between += float((mean - features.mean(0)).square().sum())
    return within / between


def test_the_three_numbers_are_the_golden_ones() -> None:
    result, expected = tightness(FEATURES, LABELS), TIGHTNESS["expected"]
    assert result.intra_over_inter == pytest.approx(expected["intra_over_inter_mean_distance"], abs=5e-7)
    assert result.silhouette == pytest.approx(expected["silhouette_euclidean"], abs=5e-7)
    assert result.within_over_between == pytest.approx(expected["within_over_between_variance"], abs=5e-7)


def test_the_silhouette_of_unit_vectors_is_the_golden_one() -> None:
    expected = TIGHTNESS["expected"]["silhouette_of_unit_vectors"]
    assert tightness(F.normalize(FEATURES), LABELS).silhouette == pytest.approx(expected, abs=5e-7)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=4, max_size=14), st.integers(0, 99), st.sampled_from([0.0, 1e3]))
def test_any_classes_measure_as_by_scikit_learn_and_by_loops(sizes: list[int], seed: int, shift: float) -> None:
    labels = torch.tensor(sizes)
    counts = torch.bincount(labels)
    assume(int((counts > 0).sum()) > 1 and int(counts.max()) > 1)
    features = torch.randn(len(labels), 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift
    result = tightness(features, labels)
    assert result.intra_over_inter == pytest.approx(ratio_by_pairs(features, labels), rel=1e-9)
    assert result.silhouette == pytest.approx(silhouette_score(features.numpy(), labels.numpy()), abs=1e-9)
    assert result.within_over_between == pytest.approx(variances_by_sample(features, labels), rel=1e-9)


def test_numbers_do_not_depend_on_the_chunks_of_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = clusters(4, 13)
    whole = asdict(tightness(features, labels))
    monkeypatch.setattr(room, "_CHUNK", 3 * len(labels))
    assert asdict(tightness(features, labels)) == pytest.approx(whole, rel=1e-13)
    monkeypatch.setattr(room, "_CHUNK", 1)
    assert asdict(tightness(features, labels)) == pytest.approx(whole, rel=1e-13)


def test_a_sample_is_at_distance_0_from_itself_and_from_its_copies() -> None:
    features = F.normalize(torch.randn(7, 256, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    sums = distance_sums(features.repeat(2, 1), torch.eye(7, dtype=torch.float64).repeat(2, 1))
    assert sums.diagonal().tolist() == [0.0] * 7
    assert sums[7:].diagonal().tolist() == [0.0] * 7
    assert sums[0, 1] == pytest.approx(2 * math.dist(features[0].tolist(), features[1].tolist()), rel=1e-12)


def test_tighter_classes_have_all_three_numbers_better() -> None:
    loose, tight = (tightness(*clusters(5, 20, spread=spread)) for spread in (1.0, 0.3))
    assert tight.intra_over_inter < loose.intra_over_inter
    assert tight.silhouette > loose.silhouette
    assert tight.within_over_between < loose.within_over_between


def test_classes_that_are_points_are_as_tight_as_can_be() -> None:
    result = tightness(torch.eye(3, dtype=torch.float64).repeat(4, 1), torch.arange(12) % 3)
    assert (result.intra_over_inter, result.silhouette) == (0.0, 1.0)
    assert result.within_over_between == pytest.approx(0.0, abs=1e-30)


@pytest.mark.parametrize(
    ("features", "labels", "problem"),
    [
        (torch.tensor([[1.0, math.nan], [1.0, 2.0], [3.0, 2.0]]), torch.tensor([0, 0, 1]), "not finite"),
        (torch.rand(3, 2), torch.tensor([1, 1, 1]), "one class"),
        (torch.rand(3, 2), torch.tensor([0, 1, 2]), "no class has two"),
        (torch.full((4, 9), 1 / 3), torch.tensor([0, 0, 1, 1]), "all features are the same"),
    ],
)
def test_features_that_leave_nothing_to_measure_are_refused(features: Tensor, labels: Tensor, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        tightness(features, labels)


@pytest.mark.slow
def test_ten_thousand_points_take_seconds() -> None:
    features, labels = clusters(100, 100, channels=256)
    begun = time.process_time()
    tightness(features, labels)
    assert time.process_time() - begun < 30


def test_the_subset_is_the_first_images_of_each_class_in_the_order_of_the_set() -> None:
    labels = torch.tensor([2, 0, 2, 2, 0, 3, 0, 2])
    assert first_of_each_class(labels, 2).tolist() == [0, 1, 2, 4, 5]
    assert first_of_each_class(labels, 9).tolist() == list(range(8))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), st.integers(1, 4))
def test_the_subset_is_the_one_picked_one_by_one(labels: list[int], count: int) -> None:
    expected = [i for i, label in enumerate(labels) if labels[:i].count(label) < count]
    assert first_of_each_class(torch.tensor(labels), count).tolist() == expected


def test_features_are_the_input_of_the_classifier_and_do_not_depend_on_the_batches() -> None:
    network, images = toy_network(3), TensorImages(*toy_images(260, 3))
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.3, 0.4])
    features = penultimate_features(network, images, torch.arange(260), mean, std, "cpu")
    pixels = (images.images.float() / 255 - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)
    assert features.shape == (260, 8)
    assert torch.allclose(network.classify(features), network(pixels), atol=1e-6)


def test_perplexity_is_capped_where_there_are_few_points() -> None:
    assert possible_perplexity(30, 10_000) == 30
    assert possible_perplexity(30, 91) == 30
    assert possible_perplexity(30, 31) == 10
    assert possible_perplexity(30, 3) == 1


@pytest.mark.parametrize("count", [3, 4, 40])
def test_the_same_features_make_the_same_picture_however_few(count: int) -> None:
    features, perplexity = clusters(1, count)[0].float(), possible_perplexity(30, count)
    points = t_sne(features, perplexity)
    torch.manual_seed(1)
    assert torch.equal(points, t_sne(features, perplexity))
    assert points.shape == (count, 2)
    assert points.isfinite().all()


def test_the_picture_of_classes_far_apart_keeps_them_apart() -> None:
    features, labels = clusters(3, 20, spread=0.05)
    points = t_sne(features.float(), 10)
    assert silhouette_score(points.numpy(), labels.numpy()) > 0.5


def test_a_run_is_measured_at_unit_length_on_the_subset_of_its_split() -> None:
    subject = ToySubject(classes=4, train=toy_images(50, 4), test=toy_images(30, 4, seed=1))
    for split in ("train", "test"):
        images, labels = subject.images(split), subject.images(split).targets
        result = measure(Settings(split=split, per_class=5, tsne=False), subject)
        features = penultimate_features(subject.network(), images, torch.arange(20), subject.mean, subject.std, "cpu")
        unit = features.double() / features.double().norm(dim=1, keepdim=True)
        assert result.values == pytest.approx(asdict(tightness(unit, labels[:20])), rel=1e-9)
        assert result.values["intra_over_inter"] == pytest.approx(ratio_by_pairs(unit, labels[:20]), rel=1e-9)
        assert result.samples == 20
        assert result.detail["split"] == split
        assert result.tensors.keys() == {"labels"}


def test_a_run_s_picture_is_of_the_features_as_they_are_and_says_its_perplexity() -> None:
    subject = ToySubject(classes=4, train=toy_images(50, 4))
    images = subject.images("train")
    result = measure(Settings(per_class=10), subject)
    features = penultimate_features(subject.network(), images, torch.arange(40), subject.mean, subject.std, "cpu")
    assert torch.equal(result.tensors["points"], t_sne(features, 13))
    assert torch.equal(result.tensors["labels"], images.targets[:40])
    assert result.detail["perplexity"] == 13
    assert result.detail["note"] == "perplexity 13 instead of 30: there are 40 points"
    assert "note" not in measure(Settings(per_class=10, perplexity=5), subject).detail


def test_measuring_again_gives_the_same() -> None:
    subject = ToySubject(classes=4, train=toy_images(50, 4))
    first, second = (measure(Settings(per_class=10), subject) for _ in range(2))
    assert first.values == second.values
    assert torch.equal(first.tensors["points"], second.tensors["points"])


def test_a_network_whose_features_are_all_the_same_is_told_in_one_line() -> None:
    network = toy_network(3)
    for weight in network.parameters():
        weight.zero_()
    with pytest.raises(UserError, match=r"train images of toy-s0 .* all features are the same.*weights=best"):
        measure(Settings(per_class=5), ToySubject(backbone=network))


@pytest.mark.parametrize("scale", [1e-30, 1e-24, 1e20, 1e37])
def test_a_picture_does_not_depend_on_how_small_or_large_features_are(scale: float) -> None:
    features, labels = clusters(3, 20, spread=0.05)
    points = t_sne((scale * features).float(), 10)
    assert points.isfinite().all()
    assert silhouette_score(points.numpy(), labels.numpy()) > 0.5


def test_nearly_equal_features_far_from_0_are_told_apart() -> None:
    features, labels = clusters(3, 20, spread=0.05)
    assert silhouette_score(t_sne(1 + 1e-11 * features, 10).numpy(), labels.numpy()) > 0.5


@pytest.mark.parametrize(
    ("features", "told"),
    [(torch.ones(20, 4), "all features are the same"), (torch.full((20, 4), math.nan), "not finite")],
    ids=["equal", "nan"],
)
def test_features_without_distances_have_no_picture(features: Tensor, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        t_sne(features, 5)


@pytest.mark.parametrize("scale", [1e-24, 1e20])
def test_a_run_with_tiny_or_huge_features_is_measured_and_drawn(scale: float) -> None:
    network = toy_network(3)
    network.get_submodule("layer2").weight.mul_(scale)  # type: ignore[operator,union-attr]
    network.get_submodule("layer2").bias.mul_(scale)  # type: ignore[operator,union-attr]
    result = measure(Settings(per_class=10), ToySubject(backbone=network))
    assert len(result.tensors["points"].unique(dim=0)) > 1
    assert result.tensors["points"].isfinite().all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"split": "tests"}, r"embedding\.split=tests is not known; did you mean test"),
        ({"per_class": 1}, r"embedding\.per_class=1 must be a whole number of at least 2"),
        ({"per_class": 2.5}, r"embedding\.per_class=2\.5 must be a whole number"),
        ({"perplexity": 0.5}, r"embedding\.perplexity=0\.5 must be at least 1"),
        ({"tsne": "yes"}, r"embedding\.tsne=yes must be true or false"),
        ({"weights": "first"}, r"embedding\.weights=first is not known"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        registry.read_settings({"name": "embedding"} | values)


def test_it_is_found_by_its_name() -> None:
    assert registry.read_settings({"name": "embedding"}) == Settings()
    assert registry.measure(Settings(per_class=2, tsne=False), ToySubject()).samples == 6
