"""OLS-Single: its mean over partners is OLS, a slow reference over epochs, resuming, the other sources."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from olsrepro.data.batch import Batch
from olsrepro.data.settings import AugmentSettings, DatasetSettings, View
from olsrepro.losses import OnlineLabelSmoothing
from olsrepro.methods.base import MethodContext
from olsrepro.methods.ols_single.method import Method
from olsrepro.methods.ols_single.partners import NONE
from olsrepro.methods.ols_single.settings import SOURCES, Settings, store_bytes
from olsrepro.methods.ols_single.store import PredictionStore
from olsrepro.randomness import address, integers

N, K, SEED = 40, 5, 3


class Given(nn.Module):
    """A network whose logits are what it is given."""

    def forward(self, images: Tensor) -> Tensor:
        return images


def build(train_size: int = N, num_classes: int = K, **switches: Any) -> Method:
    return Method(Settings(**switches), MethodContext(num_classes, SEED, train_size=train_size)).train()


def targets_of_all() -> Tensor:
    """Classes of a training set; class K - 1 has one sample."""
    targets = torch.arange(N) % (K - 1)
    targets[17] = K - 1
    return targets


def epoch_batches(epoch: int, size: int = 16) -> Iterator[Batch]:
    """Each sample once in a new order, with logits that are right for about half of the samples."""
    generator = torch.Generator().manual_seed(epoch)
    targets = targets_of_all()
    logits = torch.randn(N, K, generator=generator) + 1.5 * F.one_hot(targets, K)
    for indices in torch.randperm(N, generator=generator).split(size):
        yield Batch(logits[indices], targets[indices], indices, epoch)


def train_epoch(method: Method, epoch: int) -> list[float]:
    losses = [method(Given(), batch).loss.item() for batch in epoch_batches(epoch)]
    method.end_epoch()
    return losses


def candidates_of(store: PredictionStore, label: int) -> list[int]:
    start, count = int(store.starts[label]), int(store.counts[label])
    return store.samples[start : start + count].tolist() or [NONE]


@pytest.mark.parametrize("epoch", [0, 1, 2])
def test_in_the_mean_over_its_partners_every_sample_has_the_soft_label_of_ols(epoch: int) -> None:
    method, ols = build(), OnlineLabelSmoothing(K)
    for batch in epoch_batches(epoch):
        method(Given(), batch)
        ols(batch.images, batch.targets)
    method.end_epoch()
    ols.update()
    assert method.store is not None
    for label in range(K):
        candidates = torch.tensor(candidates_of(method.store, label))
        mean = method.store.soft_labels(candidates).mean(0)
        torch.testing.assert_close(mean, ols.soft_labels[label], rtol=0, atol=3e-4)


# A slow reference from the definition


class SlowReference:
    """OLS-Single sample by sample: dictionaries, lists and loops."""

    def __init__(self, alpha: float, correct_only: bool, exclude_self: bool) -> None:
        self.alpha, self.correct_only, self.exclude_self = alpha, correct_only, exclude_self
        self.last: dict[int, tuple[int, list[float]]] = {}
        self.now: dict[int, tuple[int, list[float]]] = {}

    def soft_label(self, index: int, label: int, epoch: int) -> list[float]:
        candidates = sorted(other for other, (of_class, _) in self.last.items() if of_class == label)
        if self.exclude_self and candidates != [index]:
            candidates = [other for other in candidates if other != index]
        if not candidates:
            return [1 / K] * K
        key = address(SEED, "partner", epoch)
        return self.last[candidates[int(integers(key, torch.tensor([index]), 0, len(candidates)))]][1]

    def loss(self, batch: Batch) -> float:
        total = 0.0
        for row, (index, label) in enumerate(zip(batch.indices.tolist(), batch.targets.tolist(), strict=True)):
            p = batch.images[row].softmax(0)
            log_p = p.log().tolist()
            soft = self.soft_label(index, label, batch.epoch)
            total -= self.alpha * log_p[label] + (1 - self.alpha) * sum(q * s for q, s in zip(soft, log_p, strict=True))
            if int(p.argmax()) == label or not self.correct_only:
                self.now[index] = (label, p.half().tolist())
        return total / len(batch.indices)

    def end_epoch(self) -> None:
        self.last, self.now = self.now, {}


@pytest.mark.parametrize("exclude_self", [True, False])
@pytest.mark.parametrize("correct_only", [True, False])
def test_over_epochs_and_a_resume_inside_one_the_losses_are_those_of_the_definition(
    correct_only: bool, exclude_self: bool
) -> None:
    switches = {"alpha": 0.3, "correct_only": correct_only, "exclude_self": exclude_self}
    method, reference = build(**switches), SlowReference(**switches)
    for epoch in range(4):
        for step, batch in enumerate(epoch_batches(epoch)):
            if (epoch, step) in ((0, 1), (2, 2)):
                state = copy.deepcopy(method.state_dict())
                method = build(**switches)
                method.load_state_dict(state)
            assert method(Given(), batch).loss.item() == pytest.approx(reference.loss(batch), rel=1e-5)
        method.end_epoch()
        reference.end_epoch()


def test_a_state_is_tensors_that_load_safely_and_goes_on_bitwise(tmp_path: Path) -> None:
    method = build()
    train_epoch(method, 0)
    first, *rest = epoch_batches(1)
    method(Given(), first)
    torch.save(method.state_dict(), tmp_path / "state.pt")
    resumed = build()
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for batch in rest:
        assert torch.equal(resumed(Given(), batch).loss, method(Given(), batch).loss)
    for each in (method, resumed):
        each.end_epoch()
    assert train_epoch(resumed, 2) == train_epoch(method, 2)


# The store


def test_in_epoch_0_every_soft_label_is_uniform() -> None:
    for source in SOURCES:
        method = build(source=source)
        (batch, *_) = epoch_batches(0)
        log_p = batch.images.log_softmax(1)
        expected = 0.5 * F.nll_loss(log_p, batch.targets) - 0.5 * log_p.mean()
        assert method(Given(), batch).loss.item() == pytest.approx(expected.item(), rel=1e-6)


def test_the_order_of_the_batches_changes_no_soft_label() -> None:
    whole, parts = build(), build()
    for method in (whole, parts):
        train_epoch(method, 0)
    (batch,) = epoch_batches(1, size=N)
    expected = whole(Given(), batch).loss
    losses = []
    for rows in torch.arange(N).flip(0).split(8):
        part = Batch(batch.images[rows], batch.targets[rows], batch.indices[rows], 1)
        losses.append(parts(Given(), part).loss)
    torch.testing.assert_close(torch.stack(losses).mean(), expected)


def test_only_the_epoch_before_counts() -> None:
    method, fresh = build(), build()
    train_epoch(method, 0)
    for each in (method, fresh):
        train_epoch(each, 1)
    assert train_epoch(method, 2) == train_epoch(fresh, 2)


def test_a_sample_that_an_epoch_did_not_show_is_no_candidate_of_the_next() -> None:
    method = build(correct_only=False)
    train_epoch(method, 0)
    for batch in epoch_batches(1):
        shown = batch.indices >= 10
        method(Given(), Batch(batch.images[shown], batch.targets[shown], batch.indices[shown], 1))
    method.end_epoch()
    assert method.store is not None
    assert method.store.places[:10].eq(NONE).all()
    assert method.store.places[10:].ne(NONE).all()


def test_neither_an_evaluation_nor_a_pass_without_gradients_keeps_anything() -> None:
    method = build()
    train_epoch(method, 0)
    before = copy.deepcopy(method.state_dict())
    for batch in epoch_batches(1):
        method.eval()(Given(), batch)
        with torch.no_grad():
            method.train()(Given(), batch)
    torch.testing.assert_close(method.state_dict(), before, rtol=0, atol=0)


def test_the_soft_label_is_a_constant() -> None:
    method = build(source="same_batch", correct_only=False)
    logits = torch.randn(4, K, generator=torch.Generator().manual_seed(0), requires_grad=True)
    targets = torch.zeros(4, dtype=torch.int64)
    loss = method(Given(), Batch(logits, targets, torch.arange(4), 1)).loss
    (gradient,) = torch.autograd.grad(loss, logits)
    p = logits.detach().softmax(1)
    q = (p - 4 * gradient - 0.5 * F.one_hot(targets, K)) / 0.5
    for row in range(4):
        others = [other for other in range(4) if other != row]
        assert any(torch.allclose(q[row], p[other], atol=1e-5) for other in others)


def test_without_weight_of_its_own_it_is_hard_bit_for_bit_and_keeps_no_store() -> None:
    for source in SOURCES:
        method = build(source=source, alpha=1.0)
        assert method.store is None
        for epoch in (0, 1):
            for batch in epoch_batches(epoch):
                logits = batch.images.clone().requires_grad_()
                loss = method(Given(), Batch(logits, batch.targets, batch.indices, epoch)).loss
                hard = F.cross_entropy(logits, batch.targets)
                assert torch.equal(loss, hard)
                assert torch.equal(*(torch.autograd.grad(term, logits)[0] for term in (loss, hard)))
            method.end_epoch()


def test_half_logits_are_raised_and_the_stored_prediction_is_that_of_fp32() -> None:
    exact, lowered = build(), build()
    for batch in epoch_batches(0):
        logits = batch.images.bfloat16()
        exact(Given(), Batch(logits.float(), batch.targets, batch.indices, 0))
        with torch.autocast("cpu", torch.bfloat16):
            loss = lowered(Given(), Batch(logits, batch.targets, batch.indices, 0)).loss
        assert loss.dtype == torch.float32
    torch.testing.assert_close(lowered.state_dict(), exact.state_dict(), rtol=0, atol=0)


# The other sources


@pytest.mark.parametrize("correct_only", [True, False])
def test_a_partner_of_the_same_batch_gives_its_prediction_of_this_step(correct_only: bool) -> None:
    method = build(source="same_batch", correct_only=correct_only)
    for batch in epoch_batches(1):
        reference = SlowReference(0.5, correct_only, exclude_self=True)
        p = batch.images.softmax(1)
        right = p.argmax(1) == batch.targets
        expected = 0.0
        for row, index in enumerate(batch.indices.tolist()):
            reference.last = {
                int(batch.indices[other]): (int(batch.targets[other]), p[other].tolist())
                for other in range(len(p))
                if other != row and (right[other] or not correct_only)
            }
            soft = torch.tensor(reference.soft_label(index, int(batch.targets[row]), 1))
            target = 0.5 * F.one_hot(batch.targets[row], K) + 0.5 * soft
            expected -= float((target * p[row].log()).sum()) / len(p)
        assert method(Given(), batch).loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("correct_only", [True, False])
def test_an_extra_forward_takes_what_the_network_predicts_for_the_second_image(correct_only: bool) -> None:
    method = build(source="extra_forward", correct_only=correct_only)
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(8) % K
    first = torch.randn(8, K, generator=generator).requires_grad_()
    second = (torch.randn(8, K, generator=generator) + 1.5 * F.one_hot(targets, K)).requires_grad_()
    right = second.argmax(1) == targets
    assert 0 < right.sum() < 8
    loss = method(Given(), Batch(first, targets, torch.arange(8), 1, more_views=(second,))).loss
    loss.backward()
    soft = second.detach().softmax(1)
    if correct_only:
        soft[~right] = 1 / K
    log_p = first.log_softmax(1)
    expected = 0.5 * F.nll_loss(log_p, targets) - 0.5 * (soft * log_p).sum(1).mean()
    torch.testing.assert_close(loss, expected)
    assert second.grad is None


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, K)
    return nn.Sequential(*layers).train()


def test_an_extra_forward_moves_no_running_statistic_and_normalises_by_its_own_batch() -> None:
    network, plain = small_network(), small_network()
    generator = torch.Generator().manual_seed(1)
    images, others = torch.randn(2, 6, 3, 8, 8, generator=generator)
    targets = torch.arange(6) % K
    method = build(source="extra_forward", correct_only=False, alpha=0.0)
    output = method(network, Batch(images, targets, torch.arange(6), 1, more_views=(others + 3,)))
    logits = plain(images)
    torch.testing.assert_close(network.state_dict(), plain.state_dict(), rtol=0, atol=0)
    assert torch.equal(output.logits, logits)
    soft = plain(others + 3).softmax(1)
    torch.testing.assert_close(output.loss, -(soft * logits.log_softmax(1)).sum(1).mean())
    network(images)
    assert network[1].num_batches_tracked == 2, "statistics are counted again afterwards"


def test_only_an_extra_forward_with_weight_asks_for_a_second_image() -> None:
    augment = AugmentSettings()
    assert Settings(source="extra_forward").more_views(augment) == (View(augment, of="classmate"),)
    assert Settings(source="extra_forward", alpha=1).more_views(augment) == ()
    assert Settings().more_views(augment) == Settings(source="same_batch").more_views(augment) == ()


# Settings, memory, waiting


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"source": "previous"}, "source=previous is not known; did you mean previous_epoch"),
        ({"alpha": 1.5}, r"alpha=1.5 must be in \[0, 1\]"),
        ({"source": "extra_forward", "exclude_self": False}, "exclude_self=false must be true with source=extra_forw"),
    ],
)
def test_a_wrong_switch_is_refused_with_the_key(switches: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Settings(**switches)


def test_the_bytes_of_the_store_are_those_of_its_two_buffers() -> None:
    store = PredictionStore(50, 7)
    buffers = (store.predictions, store.next_predictions)
    assert store_bytes(50, 7) == sum(buffer.numel() * buffer.element_size() for buffer in buffers)
    assert store_bytes(50_000, 100) == 20_000_000


def test_full_size_imagenet_is_refused_and_cifar_100_is_not() -> None:
    cifar = DatasetSettings("cifar100", 100, 50_000, 10_000, 32)
    imagenet = DatasetSettings("imagenet", 1000, 1_281_167, 50_000, 224)
    Settings().check_run(cifar, 300, ())
    with pytest.raises(
        ValueError, match=r"^method.source=previous_epoch must be .* with dataset=imagenet: .* 4\.8 GiB"
    ):
        Settings().check_run(imagenet, 250, ())
    Settings(source="same_batch").check_run(imagenet, 250, ())


class NoWaiting(TorchDispatchMode):
    """Refuses what a GPU would have to finish its queue for."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func.name() not in {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::equal"}
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("source", SOURCES)
def test_no_step_after_the_first_epoch_waits_for_the_device(source: str) -> None:
    method = build(source=source)
    train_epoch(method, 0)
    batches = [Batch(b.images, b.targets, b.indices, 1, (b.images.flip(0),)) for b in epoch_batches(1)]
    with NoWaiting():
        for batch in batches:
            method(Given(), batch)
            method.after_step()
