"""Arazo et al.: golden losses, every stage against a reference from the definition, draws, resuming."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from olsrepro.config.compose import compose_run
from olsrepro.data.batch import Batch
from olsrepro.methods.arazo.loss import Labels, mean_prediction, mixed_bootstrap, prior_divergence, regularised
from olsrepro.methods.arazo.method import Method
from olsrepro.methods.arazo.mixup import clean_weights, draw_pairs, draw_weight, mixed
from olsrepro.methods.arazo.settings import VARIANTS, Settings
from olsrepro.methods.base import MethodContext
from olsrepro.models.backbone import Backbone
from olsrepro.models.registry import build_backbone
from olsrepro.randomness import address

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[1] / "golden" / "golden_noisy.json").read_text())
K, N, SEED, EPOCHS = 5, 48, 4, 6


class Images:
    """A training set of coloured noise, a third of whose labels are wrong."""

    targets = torch.arange(N) % K

    def __init__(self, size: int = 20) -> None:
        self.size = size
        self.asked: list[tuple[int, bool]] = []
        generator = torch.Generator().manual_seed(1)
        true = torch.where(torch.arange(N) % 3 == 0, (self.targets + 1) % K, self.targets)
        self.images = torch.randn(N, 3, 8, 8, generator=generator)
        self.images[:, 0] += true[:, None, None]

    def of(self, indices: Tensor, epoch: int) -> Batch:
        return Batch(self.images[indices], self.targets[indices], indices, epoch)

    def batches(self, epoch: int, *, augmented: bool) -> Iterator[Batch]:
        self.asked.append((epoch, augmented))
        yield from (self.of(part, epoch) for part in torch.arange(N).split(self.size))

    def steps(self, epoch: int, size: int = 16) -> Iterator[Batch]:
        order = torch.randperm(N, generator=torch.Generator().manual_seed(epoch))
        yield from (self.of(part, epoch) for part in order.split(size))


def network() -> Backbone:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_backbone(compose_run(["backbone=resnet8", "backbone.width=0.25"]).backbone, K).train()


def build(backbone: Backbone, images: Images | None = None, **switches: Any) -> Method:
    starts = {"md_guided_start": 1, "md_bootstrap_start": 3} if switches.get("variant") == "md_dyr_sh" else {}
    chosen = Settings(**(starts or {"bootstrap_start": 2}) | switches)
    training_set = Images() if images is None else images
    context = MethodContext(K, SEED, EPOCHS, N, 8, backbone, milestones=(1, 3), training_set=training_set)
    return Method(chosen, context).train()


def train_epoch(method: Method, backbone: Backbone, epoch: int) -> list[float]:
    optimiser = torch.optim.SGD(backbone.parameters(), 0.05)
    losses = []
    for batch in Images().steps(epoch):
        optimiser.zero_grad()
        output = method(backbone, batch)
        output.loss.backward()
        optimiser.step()
        method.after_step()
        losses.append(output.loss.item())
    method.end_epoch()
    return losses


# Golden losses


def golden_labels(guesses: Tensor) -> tuple[Tensor, Labels, Labels, float]:
    golden = GOLDEN["arazo_loss"]
    log_p = torch.tensor(golden["logits_mixed"], dtype=torch.float64).log_softmax(1)
    labels = Labels(torch.tensor(golden["target"]), guesses, torch.tensor(golden["B"], dtype=torch.float64))
    partners = Labels(*(each[torch.tensor(golden["permutation"])] for each in labels))
    return log_p, labels, partners, golden["lam"]


def golden_logits() -> Tensor:
    return torch.tensor(GOLDEN["arazo_loss"]["logits_unmixed"], dtype=torch.float64)


def test_hard_bootstrapping_and_its_regulariser_are_golden() -> None:
    log_p, labels, partners, weight = golden_labels(golden_logits().argmax(1))
    loss = mixed_bootstrap(log_p, labels, partners, weight)
    assert loss.item() == pytest.approx(GOLDEN["arazo_loss"]["hard"], abs=1e-9)
    assert prior_divergence(mean_prediction(log_p)).item() == pytest.approx(GOLDEN["arazo_loss"]["reg"], abs=1e-9)
    assert regularised(loss, log_p, 1.0).item() == pytest.approx(GOLDEN["arazo_loss"]["m_dyr_h_total_reg1"], abs=1e-9)
    assert regularised(loss, log_p, 0.0) is loss


def test_soft_bootstrapping_is_golden() -> None:
    loss = mixed_bootstrap(*golden_labels(golden_logits().softmax(1)))
    assert loss.item() == pytest.approx(GOLDEN["arazo_loss"]["soft"], abs=2e-8)  # the golden one is of fp32 functions


def test_soft_to_hard_bootstrapping_and_its_mixing_weights_are_golden() -> None:
    log_p, labels, partners, _ = golden_labels((golden_logits() / 0.5).softmax(1))
    loss = mixed_bootstrap(log_p, labels, partners, 0.5)
    assert loss.item() == pytest.approx(GOLDEN["arazo_loss"]["soft_to_hard_T0_5"], abs=2e-8)
    weights = clean_weights(labels.noisy, partners.noisy).tolist()
    assert weights == pytest.approx(GOLDEN["arazo_loss"]["dynamic_mix_weight_first"], abs=1e-9)


def test_a_prediction_that_no_sample_makes_costs_much_and_not_infinitely_much() -> None:
    log_p = (torch.tensor([[300.0, 0.0, 0.0]]).repeat(4, 1)).requires_grad_().log_softmax(1)
    assert prior_divergence(mean_prediction(log_p)).item() == pytest.approx(200 - math.log(3), rel=1e-5)


# Draws


@given(st.permutations(range(12)), st.integers(0, 5))
def test_partners_are_a_permutation_whatever_order_a_batch_has(order: list[int], epoch: int) -> None:
    samples, key = torch.tensor([3, 8, 90, 17, 44, 5, 61, 2, 33, 70, 28, 11]), address(0, "p", epoch)
    straight = draw_pairs(key, samples).partners(samples)
    assert sorted(straight.tolist()) == sorted(samples.tolist())
    shuffled = samples[torch.tensor(order)]
    partner_of = dict(zip(samples.tolist(), straight.tolist(), strict=True))
    assert draw_pairs(key, shuffled).partners(shuffled).tolist() == [partner_of[int(each)] for each in shuffled]


def test_every_sample_is_everyones_partner_equally_often() -> None:
    counts, samples = torch.zeros(4, 4), torch.tensor([7, 1, 30, 12])
    for epoch in range(2000):
        counts[torch.arange(4), draw_pairs(address(1, "p", epoch), samples).rows] += 1
    assert (counts / 2000 - 0.25).abs().max() < 0.04


@pytest.mark.parametrize("alpha", [1.0, 32.0])
def test_mixing_weights_have_the_moments_of_their_distribution(alpha: float) -> None:
    weights = torch.tensor([draw_weight(address(0, "w", step), alpha) for step in range(4000)])
    assert weights.mean().item() == pytest.approx(0.5, abs=0.02)
    assert weights.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.08)


def test_images_are_mixed_by_one_weight_or_by_one_each() -> None:
    images, partners = torch.ones(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    assert mixed(images, partners, 0.25).unique().tolist() == [0.25]
    each = mixed(images, partners, torch.tensor([0.25, 1.0]))
    assert [row.unique().tolist() for row in each] == [[0.25], [1.0]]


def test_every_step_and_epoch_draws_another_weight() -> None:
    backbone = network()
    method, images = build(backbone), Images()
    batch = images.of(torch.arange(16), 0)
    losses = [method(backbone, batch).loss.item()]
    method.after_step()
    losses.append(method(backbone, batch).loss.item())
    method.end_epoch()
    losses.append(method(backbone, images.of(torch.arange(16), 1)).loss.item())
    assert len(set(losses)) == 3


# Every stage, from the definition


@torch.no_grad()
def reference_loss(method: Method, backbone: Backbone, batch: Batch, step: int) -> float:
    """Row by row, in the order of the passes in the authors' script for the variant; it moves the statistics alike."""
    chosen, phases, epoch, x, y = method._settings, method._phases, batch.epoch, batch.images, batch.targets.tolist()
    rows = draw_pairs(address(SEED, "mixup_partner", epoch), batch.indices).rows.tolist()
    weight = draw_weight(address(SEED, "mixup_weight", epoch, step), 32.0)
    late, guided = epoch >= phases.bootstrap, chosen.is_guided and epoch >= phases.start
    evaluates_first = guided or (late and chosen.variant == "m_dyr_s")
    trained = backbone(x) if late and chosen.extra_forward == "official" else None
    still, shares = None, [weight] * len(y)
    if evaluates_first:
        still, noisy = in_evaluation(method, backbone, batch)
    if guided:
        shares = [(1 - noisy[i]) / ((1 - noisy[i]) + (1 - noisy[j])) for i, j in enumerate(rows)]
    h = backbone(torch.stack([shares[i] * x[i] + (1 - shares[i]) * x[j] for i, j in enumerate(rows)])).log_softmax(1)
    if not late:
        return -sum(weight * float(h[i, y[i]]) + (1 - weight) * float(h[i, y[j]]) for i, j in enumerate(rows)) / len(y)
    if still is None:
        still, noisy = in_evaluation(method, backbone, batch)
    guesses = guesses_of(method, still if trained is None else trained, epoch)
    total, share = 0.0, 0.5 if guided else weight
    for i, j in enumerate(rows):
        for part, k in ((share, i), (1 - share, j)):
            total -= part * ((1 - noisy[k]) * float(h[i, y[k]]) + noisy[k] * float(guesses[k] @ h[i]))
    return total / len(y) + chosen.reg_weight * sum(math.log(1 / K / float(mean)) / K for mean in h.exp().mean(0))


def in_evaluation(method: Method, backbone: Backbone, batch: Batch) -> tuple[Tensor, list[float]]:
    """Logits of the unmixed images in evaluation mode, and how likely their labels are noisy."""
    logits = backbone.eval()(batch.images)
    backbone.train()
    return logits, method.noise_model.noisy(F.cross_entropy(logits, batch.targets, reduction="none")).tolist()


def guesses_of(method: Method, logits: Tensor, epoch: int) -> Tensor:
    if method._settings.variant == "m_dyr_h":
        return F.one_hot(logits.argmax(1), K).float()
    temperature = method._phases.temperature(epoch) if method._settings.is_guided else 1
    return (logits / temperature).softmax(1)


@pytest.mark.parametrize("extra_forward", ["official", "single_eval"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_over_all_stages_the_loss_is_that_of_the_definition(variant: str, extra_forward: str) -> None:
    backbone = network()
    method = build(backbone, variant=variant, extra_forward=extra_forward, reg_weight=0.7)
    for epoch in range(5):
        for step, batch in enumerate(Images().steps(epoch)):
            twin = copy.deepcopy(backbone)
            expected = reference_loss(method, twin, batch, step)
            output = method(backbone, batch)
            assert output.logits is None
            assert output.loss.item() == pytest.approx(expected, rel=1e-4)
            for ours, reference in zip(backbone.buffers(), twin.buffers(), strict=True):
                torch.testing.assert_close(ours, reference)
            with torch.no_grad():
                for parameter in backbone.parameters():
                    parameter -= 0.01 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(step))
            method.after_step()
        method.end_epoch()


GUESS, MIXED, POSTERIOR = "unmixed in training mode", "mixed, with gradient", "unmixed in evaluation mode"
"""Passes of a step, as the authors' code makes them."""


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("m_dyr_h", [GUESS, MIXED, POSTERIOR]),
        ("m_dyr_s", [GUESS, POSTERIOR, MIXED]),
        ("md_dyr_sh", [GUESS, POSTERIOR, MIXED]),
    ],
)
def test_passes_come_in_the_order_of_the_authors_scripts_and_one_takes_a_gradient(
    variant: str, expected: list[str]
) -> None:
    backbone = network()
    method, batch = build(backbone, variant=variant), Images().of(torch.arange(16), 3)
    passes: list[str] = []

    def note(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        if not torch.equal(inputs[0], batch.images):
            assert module.training
            passes.append(MIXED)
        else:
            passes.append(GUESS if module.training else POSTERIOR)
        assert output.requires_grad == (passes[-1] == MIXED)

    backbone.register_forward_hook(note)
    method(backbone, batch).loss.backward()
    assert passes == expected
    assert backbone.training


# The pass over the training set


@pytest.mark.parametrize("augmented", [True, False])
def test_an_epoch_ends_with_a_look_at_all_images_as_the_switch_says(augmented: bool) -> None:
    backbone, images = network(), Images()
    method = build(backbone, images, track_augment=augmented)
    assert method.predictions() is None
    train_epoch(method, backbone, 3)
    assert images.asked == [(3, augmented)]
    with torch.no_grad():
        expected = copy.deepcopy(backbone).eval()(images.images).argmax(1)
    predictions = method.predictions()
    assert predictions is not None
    assert torch.equal(predictions, expected)
    facts = method.epoch_facts()
    assert facts["fit_broke_down"] == 0
    assert facts["clean_weight"] + facts["noisy_weight"] == pytest.approx(1)
    assert 0 < facts["loss_low"] < facts["loss_high"]


def test_the_pass_takes_no_gradient_and_moves_no_statistics() -> None:
    backbone = network()
    method = build(backbone)
    before = copy.deepcopy(backbone.state_dict())
    method.end_epoch()
    torch.testing.assert_close(dict(backbone.state_dict()), dict(before), rtol=0, atol=0)
    assert backbone.training


def test_samples_that_steps_do_not_train_on_have_no_prediction() -> None:
    class Fewer(Images):
        def batches(self, epoch: int, *, augmented: bool) -> Iterator[Batch]:
            yield self.of(torch.arange(2, N), epoch)

    method = build(network(), Fewer())
    method.end_epoch()
    predictions = method.predictions()
    assert predictions is not None
    assert (predictions[:2] == -1).all()
    assert (predictions[2:] >= 0).all()


# Resuming and waiting


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_state_inside_an_epoch_goes_on_bitwise(variant: str, tmp_path: Path) -> None:
    backbone = network()
    method = build(backbone, variant=variant)
    for epoch in range(3):
        train_epoch(method, backbone, epoch)
    first, *rest = Images().steps(3)
    method(backbone, first)
    method.after_step()
    torch.save({"method": method.state_dict(), "network": backbone.state_dict()}, tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    other = network()
    resumed = build(other, variant=variant)
    resumed.load_state_dict(state["method"])
    other.load_state_dict(state["network"])
    for batch in rest:
        assert torch.equal(resumed(other, batch).loss, method(backbone, batch).loss)
        for each in (method, resumed):
            each.after_step()
    for each in (method, resumed):
        each.end_epoch()
    assert train_epoch(resumed, other, 4) == train_epoch(method, backbone, 4)


class NoWaiting(TorchDispatchMode):
    """Refuses what a GPU would have to finish its queue for."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func.name() not in {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select"}
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_stage_waits_for_the_device(variant: str) -> None:
    backbone = network()
    method = build(backbone, variant=variant)
    with NoWaiting():
        for epoch in range(5):
            method(backbone, Images().of(torch.arange(16), epoch)).loss.backward()


@pytest.mark.parametrize("variant", VARIANTS)
def test_under_bf16_the_loss_stays_near_that_of_fp32(variant: str) -> None:
    losses = []
    for enabled in (False, True):
        backbone: nn.Module = network()
        method = build(network(), variant=variant)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            losses.append(method(backbone, Images().of(torch.arange(16), 4)).loss)
    assert losses[1].dtype == torch.float32
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=0.05)
