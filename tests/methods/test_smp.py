"""SMP at work: when labels are corrected and from what, the loss with them, what it tells, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from olsrepro.config.compose import compose_run
from olsrepro.data.batch import Batch
from olsrepro.methods.base import MethodContext
from olsrepro.methods.smp.method import Method
from olsrepro.methods.smp.prototypes import Choice, class_centres, rows_by_class, similarities
from olsrepro.methods.smp.settings import Settings
from olsrepro.models.backbone import Backbone
from olsrepro.models.registry import build_backbone
from olsrepro.randomness import address
from olsrepro.settings import UserError

FILE = json.loads((Path(__file__).parents[1] / "golden" / "golden_noisy.json").read_text())
GOLDEN, PHASES = FILE["smp"], FILE["phases"]
N, K, EPOCHS, START, SEED = 45, 3, 6, 3, 7
GONE = 11  # a sample that no step trains on, as of a clean set


class Given(nn.Module):
    """A network whose logits are what it is given."""

    def forward(self, images: Tensor) -> Tensor:
        return images


class Images:
    """A training set, and how often it was looked at."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.true = torch.arange(N) % K
        self.given = torch.where(torch.rand(N, generator=generator) < 0.3, (self.true + 1) % K, self.true)
        self.images = torch.randn(N, 3, 8, 8, generator=generator)
        self.images[torch.arange(N), self.true] += 5
        self.looks: list[tuple[int, bool]] = []

    def batches(self, epoch: int, *, augmented: bool) -> Iterator[Batch]:
        self.looks.append((epoch, augmented))
        for indices in torch.arange(N)[torch.arange(N) != GONE].split(16):
            yield Batch(self.images[indices], self.given[indices], indices, epoch)


def backbone() -> Backbone:
    torch.manual_seed(0)
    network = build_backbone(compose_run(["backbone=resnet8", "backbone.width=0.25"]).backbone, K)
    network.train()(torch.randn(64, 3, 8, 8))
    return network


def build(images: Images | None = None, network: Backbone | None = None, **switches: Any) -> Method:
    context = MethodContext(
        K, SEED, EPOCHS, N, 8, network or backbone(), milestones=(START, 5), training_set=images or Images()
    )
    return Method(Settings(**{"num_prototypes": 4} | switches), context).train()


def batch_of(epoch: int, size: int = 8) -> Batch:
    generator = torch.Generator().manual_seed(epoch)
    indices = torch.randperm(N, generator=generator)[:size]
    logits = torch.randn(size, K, dtype=torch.float64, generator=generator).requires_grad_()
    return Batch(logits, Images().given[indices], indices, epoch)


def after_epoch(method: Method, epoch: int) -> Method:
    method(Given(), batch_of(epoch))
    method.end_epoch()
    return method


def test_golden_loss() -> None:
    queries = GOLDEN["query_logits"]
    method = Method(Settings(), MethodContext(2, 0, 2, 3, milestones=(1,)))
    method.corrected.copy_(torch.tensor(GOLDEN["corrected"]))
    logits = torch.tensor(queries, dtype=torch.float64)
    loss = method(Given(), Batch(logits, torch.tensor(GOLDEN["query_target"]), torch.arange(3), 1)).loss
    assert loss.item() == pytest.approx(GOLDEN["loss"], abs=1e-9)


@pytest.mark.parametrize("preset", ["paper_300", "short_30"])
def test_golden_start_is_the_first_drop(preset: str) -> None:
    phases = PHASES[preset]
    first = Settings().first_epoch(phases["epochs"], phases["milestones"])
    assert first == phases["smp"]["start_epoch"] == phases["smp"]["first_correction_after_epoch"] + 1


def test_a_share_of_the_epochs_starts_it_elsewhere_but_never_in_the_first() -> None:
    assert Settings(start_epoch=0.25).first_epoch(300, (150, 225)) == 75
    assert Settings(start_epoch=0.0).first_epoch(300, (150, 225)) == 1


def test_labels_are_corrected_from_the_epoch_before_the_start_to_the_last_but_one_on_plain_images() -> None:
    images = Images()
    method = build(images)
    for epoch in range(EPOCHS):
        after_epoch(method, epoch)
        assert (method.corrected_labels() is None) == (epoch < START - 1)
    assert images.looks == [(epoch, False) for epoch in range(START - 1, EPOCHS - 1)]


def test_before_the_start_it_is_hard_bit_for_bit() -> None:
    method = build()
    method.corrected.copy_((Images().given + 1) % K)
    batch = batch_of(START - 1)
    assert torch.equal(method(Given(), batch).loss, F.cross_entropy(batch.images, batch.targets))
    assert not torch.equal(method(Given(), batch_of(START)).loss, F.cross_entropy(*two(batch_of(START))))


def two(batch: Batch) -> tuple[Tensor, Tensor]:
    return batch.images, batch.targets


def test_the_loss_weighs_given_and_corrected_labels() -> None:
    method = after_epoch(build(alpha=0.3), START - 1)
    batch = batch_of(START, size=30)
    second = torch.where(batch.indices == GONE, batch.targets, method.corrected[batch.indices])
    assert second.ne(batch.targets).any()
    expected = 0.7 * F.cross_entropy(*two(batch)) + 0.3 * F.cross_entropy(batch.images, second)
    torch.testing.assert_close(method(Given(), batch).loss, expected)


def test_without_weight_of_its_own_it_is_hard_bit_for_bit() -> None:
    method, batch = after_epoch(build(alpha=0.0), START - 1), batch_of(START)
    assert torch.equal(method(Given(), batch).loss, F.cross_entropy(*two(batch)))


def test_a_sample_whose_label_was_not_corrected_has_its_given_one_twice() -> None:
    method = after_epoch(build(), START - 1)
    assert method.corrected[GONE] == -1
    assert method.corrected.ne(-1).sum() == N - 1
    batch = Batch(torch.randn(1, K), torch.tensor([2]), torch.tensor([GONE]), START)
    torch.testing.assert_close(method(Given(), batch).loss, F.cross_entropy(*two(batch)))


def expected_labels(images: Images, network: Backbone, choice: Choice, most: int | None = None) -> Tensor:
    """From the input of the network's last layer, seen by a hook."""
    seen: list[Tensor] = []
    linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)][-1]
    handle = linear.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    kept = torch.arange(N)[torch.arange(N) != GONE]
    with torch.no_grad():
        network.eval()(images.images[kept])
    network.train()
    handle.remove()
    key = address(SEED, "prototypes", START - 1)
    rows = rows_by_class(images.given[kept], K, most=most, key=key, indices=kept)
    labels = torch.full((N,), -1)
    labels[kept] = similarities(seen[0], class_centres(seen[0], rows, choice)).argmax(1)
    return labels


@pytest.mark.parametrize("most", [None, 6])
def test_labels_come_from_the_input_of_the_last_layer_in_evaluation_mode(most: int | None) -> None:
    images, network = Images(), backbone()
    method = after_epoch(build(images, network, samples_per_class=most), START - 1)
    expected = expected_labels(images, network, Choice(4), most)
    assert method.corrected.equal(expected)
    assert expected.ne(images.given).sum() > 1


def test_a_correction_leaves_the_network_as_it_was_and_in_training_mode() -> None:
    network = backbone()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    after_epoch(build(network=network), START - 1)
    torch.testing.assert_close(dict(network.state_dict()), before, rtol=0, atol=0)
    assert all(module.training for module in network.modules())


def test_most_labels_are_right_where_features_tell_the_classes_apart() -> None:
    images = Images()
    method = after_epoch(build(images), START - 1)
    seen = method.corrected >= 0
    right, given = (labels[seen].eq(images.true[seen]).double().mean() for labels in (method.corrected, images.given))
    assert right > given


def test_corrected_labels_never_choose_prototypes() -> None:
    images, network = Images(), backbone()
    once = after_epoch(build(images, network), START - 1)
    spoilt = build(images, network)
    spoilt.corrected[torch.arange(N) != GONE] = 1
    assert after_epoch(spoilt, START - 1).corrected.equal(once.corrected)


def test_its_facts_are_of_an_epoch_that_corrected() -> None:
    images = Images()
    method = build(images)
    assert after_epoch(method, START - 2).epoch_facts() == {}
    after_epoch(method, START - 1)
    changed = method.corrected.ne(images.given) & method.corrected.ge(0)
    assert method.epoch_facts() == {"labels_changed": pytest.approx(100 * changed.sum().item() / (N - 1))}
    assert after_epoch(method, EPOCHS - 1).epoch_facts() == {}


def test_without_images_it_says_so_when_it_needs_them() -> None:
    method = Method(Settings(), MethodContext(K, 0, EPOCHS, N, milestones=(START,)))
    with pytest.raises(ValueError, match=r"^smp needs the run's network and its training images"):
        after_epoch(method, START - 1)


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"num_prototypes": 0}, "num_prototypes=0 must be at least 1"),
        ({"samples_per_class": 5}, "samples_per_class=5 must be at least num_prototypes=8, or null for all"),
        ({"alpha": 1.5}, r"alpha=1.5 must be in \[0, 1\]"),
        ({"s_c_quantile": -0.1}, r"s_c_quantile=-0.1 must be in \[0, 1\]"),
        ({"eta_threshold": 2}, r"eta_threshold=2 must be in \[-1, 1\]"),
        ({"start_epoch": 150}, r"start_epoch=150 must be a share of the epochs in \[0, 1\], such as 0.5"),
    ],
)
def test_a_wrong_switch_is_refused_with_the_key(switches: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Settings(**switches)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["recipe.milestones=[]"], r"^recipe.milestones=\[\] must have a drop in the 4 epochs"),
        (["recipe.milestones=[60]"], r"^recipe.milestones=\[60\] must have a drop .* set method.start_epoch"),
        (
            ["recipe.epochs=60", "method.start_epoch=1"],
            "^method.start_epoch=1 leaves none of the 60 epochs to corrected labels",
        ),
        (["recipe.epochs=1", "method.start_epoch=0"], "^method.start_epoch=0 leaves none of the 1 epochs"),
    ],
)
def test_a_run_without_an_epoch_for_corrected_labels_is_refused(lines: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        compose_run(["method=smp", *lines])
