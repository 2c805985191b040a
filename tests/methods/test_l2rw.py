"""Learning to reweight: its golden step, its switches, fine-tuning, what it leaves alone."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from meta_batches import (
    GOLDEN,
    assert_golden,
    exact,
    golden_batch,
    golden_network,
    images_batch,
    residual_network,
    setting_of,
)
from torch import Tensor, nn

from olsrepro.config.compose import compose_run
from olsrepro.data.batch import Batch
from olsrepro.data.settings import DatasetSettings
from olsrepro.methods.l2rw.method import Method, normalised
from olsrepro.methods.l2rw.settings import Settings
from olsrepro.methods.settings import CleanSet
from olsrepro.settings import UserError
from olsrepro.store.identity import run_id

VALUES = GOLDEN["l2rw"]
ROUTES = ("jvp", "graph")
CIFAR100 = DatasetSettings("cifar100", 100, 50_000, 10_000, 32)


def build(network: Any, epochs: int = 3, rate: float = 0.1, training_set: Any = None, **switches: Any) -> Method:
    return Method(Settings(**switches), setting_of(network, epochs, rate, training_set=training_set)).train()


# One step


@pytest.mark.parametrize("route", ROUTES)
def test_a_step_is_golden(route: str) -> None:
    network = golden_network()
    method = build(network, meta_gradient=route)
    output = method(network, golden_batch())
    output.loss.backward()
    assert_golden(method.weights(golden_batch()), VALUES["weights"])
    assert_golden(output.loss, VALUES["weighted_loss"])
    assert_golden(network.weight.grad, VALUES["grad_W"])


@pytest.mark.parametrize("route", ROUTES)
def test_where_no_product_is_positive_a_step_has_no_gradient(route: str) -> None:
    network, batch = golden_network(), golden_batch(VALUES["all_zero_case"])
    method = build(network, meta_gradient=route)
    assert_golden(method.products(batch), VALUES["all_zero_case"]["grad_dot"])
    loss = method(network, batch).loss
    loss.backward()
    assert loss.item() == 0
    assert network.weight.grad.eq(0).all()


def test_tiny_products_are_not_blown_down_by_a_constant_in_the_divisor() -> None:
    assert_golden(normalised(exact([1e-30, 3e-30, 0.0])), [0.25, 0.75, 0.0])


def test_the_learning_rate_cancels() -> None:
    network, batch = residual_network(), images_batch()
    low, high = (build(network, rate=rate).weights(batch) for rate in (1e-3, 1.0))
    assert torch.equal(low, high)


def test_the_loss_is_the_weighted_sum_with_constant_weights() -> None:
    network, batch = residual_network(), images_batch()
    method = build(network)
    weights = method.weights(batch)
    assert weights.sum().item() == pytest.approx(1)
    assert weights.min() == 0
    plain = copy.deepcopy(network)
    expected = (weights * F.cross_entropy(plain(batch.images), batch.targets, reduction="none")).sum()
    loss = method(network, batch).loss
    torch.testing.assert_close(loss, expected)
    for output in (loss, expected):
        output.backward()
    for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


def test_both_routes_make_the_same_steps() -> None:
    parameters = []
    for route in ROUTES:
        network = residual_network()
        method, optimiser = build(network, meta_gradient=route), torch.optim.SGD(network.parameters(), 0.1)
        for seed in range(3):
            optimiser.zero_grad()
            method(network, images_batch(seed=seed)).loss.backward()
            optimiser.step()
        parameters.append([*network.parameters()])
    torch.testing.assert_close(*parameters, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("route", ROUTES)
def test_running_statistics_move_once_by_the_noisy_images(route: str) -> None:
    network, batch = residual_network(), images_batch()
    plain = copy.deepcopy(network)
    logits = build(network, meta_gradient=route)(network, batch).logits
    assert torch.equal(logits, plain(batch.images))
    torch.testing.assert_close(network.state_dict(), plain.state_dict(), rtol=0, atol=0)


def test_a_wrapped_network_has_the_same_weights() -> None:
    network, batch = residual_network(), images_batch()
    method = build(network)
    torch.testing.assert_close(method(nn.Sequential(network), batch).loss, method(network, batch).loss)


def test_under_autocast_the_weights_are_those_of_single_precision() -> None:
    network, batch = residual_network(torch.float32), images_batch(dtype=torch.float32)
    method = build(network)
    weights = method.weights(batch)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(method.weights(batch), weights)
        output = method(network, batch)
    assert output.loss.dtype == torch.float32
    assert output.logits.dtype == torch.bfloat16


# Switches


def test_without_a_norm_weights_are_clamped_products_times_the_learning_rate() -> None:
    method = build(golden_network(), rate=0.01, weight_norm="none")
    assert_golden(method.weights(golden_batch()), (0.01 * exact(VALUES["clamped"])).tolist())


def test_a_clean_penalty_is_applied_where_it_is_on() -> None:
    on = build(golden_network(), clean_loss_decay=True)
    assert_golden(on.products(golden_batch()), VALUES["grad_dot_with_clean_decay_2e_4"])
    off = build(golden_network(), clean_decay=0.1)
    assert_golden(off.products(golden_batch()), VALUES["grad_dot"])
    other = build(golden_network(), clean_loss_decay=True, clean_decay=0.1)
    assert not torch.allclose(other.products(golden_batch()), on.products(golden_batch()), rtol=1e-3)


@pytest.mark.parametrize("route", ROUTES)
def test_the_scale_of_batch_normalisation_can_be_left_out(route: str) -> None:
    batch = images_batch()
    plain, unscaled = (
        build(residual_network(), bn_stats=stats, meta_gradient=route).products(batch)
        for stats in ("batch", "batch_unscaled")
    )
    assert not torch.allclose(plain, unscaled, rtol=1e-2)


def test_the_clean_set_is_what_the_switches_say() -> None:
    assert Settings().clean_set() == CleanSet(1000, True, None, False)
    switches = {"clean_size": 60, "clean_balance": "random", "clean_batch": 7, "clean_in_training": True}
    assert Settings(**switches).clean_set() == CleanSet(60, False, 7, True)


@pytest.mark.parametrize(
    ("dataset", "size"),
    [
        (CIFAR100, 1000),
        (replace(CIFAR100, name="cifar10", num_classes=10), 1000),
        (DatasetSettings("digits", 10, 1437, 360, 8), 20),
        (DatasetSettings("digits@cub", 8, 600, 200, 8), 8),
    ],
)
def test_the_clean_set_is_a_fiftieth_of_the_training_images(dataset: DatasetSettings, size: int) -> None:
    settings = Settings().resolved_for(dataset)
    assert settings == Settings(clean_size=size)
    settings.check_run(dataset, 3, ())
    assert Settings(clean_size=30).resolved_for(dataset) == Settings(clean_size=30)


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        (
            {"clean_size": 150},
            "clean_size=150 must be a multiple of the 100 classes of dataset=cifar100, .* set 100 or 200",
        ),
        ({"clean_size": 5}, "clean_size=5 must be a multiple of the 100 .* set 100$"),
        ({"clean_size": 50_000}, "clean_size=50000 must be at most 49900 with dataset=cifar100, which has 50000"),
        ({"clean_size": 50_000, "clean_balance": "random"}, "clean_size=50000 must be at most 49999"),
        ({"clean_size": 50_100, "clean_in_training": True}, "clean_size=50100 must be at most 50000"),
        ({"finetune_steps": 4}, "finetune_steps=4 must be 0 with recipe.epochs=1"),
    ],
)
def test_a_clean_set_that_does_not_fit_is_refused_with_the_numbers(switches: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^method.{message}"):
        Settings(**switches).check_run(CIFAR100, 1, ())


def test_a_user_is_told_when_the_run_is_composed() -> None:
    with pytest.raises(UserError, match=r"^method.clean_size=5 must be a multiple"):
        compose_run(["method=l2rw", "dataset=cifar100", "method.clean_size=5"])


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"clean_size": 0}, "clean_size=0 must be at least 1"),
        ({"clean_balance": "class"}, "clean_balance=class is not known; did you mean per_class"),
        ({"meta_gradient": "jpv"}, "meta_gradient=jpv is not known; did you mean jvp"),
        ({"schedule": "ours"}, "schedule=ours is not known"),
        ({"clean_batch": 0}, "clean_batch=0 must be at least 1"),
        ({"weight_norm": "sum"}, "weight_norm=sum is not known; valid: none, sum_clamped"),
        ({"clean_decay": -1}, "clean_decay=-1 must be at least 0"),
        ({"bn_stats": "batches"}, "bn_stats=batches is not known; did you mean batch"),
        ({"finetune_steps": -1}, "finetune_steps=-1 must be at least 0"),
    ],
)
def test_a_wrong_switch_is_refused_with_the_key(switches: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Settings(**switches)


def test_the_common_schedule_is_the_recipes_and_the_own_one_drops_at_a_half_and_three_quarters() -> None:
    assert Settings().own_recipe(300) is None
    own = Settings(schedule="own").own_recipe(300)
    assert own is not None
    drops = [epoch for epoch in range(1, 300) if own.learning_rates[epoch] < own.learning_rates[epoch - 1]]
    assert (len(own.learning_rates), drops, own.learning_rates[0]) == (300, [150, 225], 0.1)
    assert (own.momentum, own.nesterov, own.weight_decay) == (0.9, False, 2e-4)
    short = Settings(schedule="own").own_recipe(4)
    assert short is not None
    assert short.learning_rates == pytest.approx((0.1, 0.1, 0.01, 0.001))


def test_what_has_no_effect_makes_no_other_run() -> None:
    def id_of(*lines: str) -> str:
        return run_id(compose_run(["method=l2rw", "dataset=cifar100", *lines]))

    assert id_of("method.clean_decay=0.1") == id_of() == id_of("method.clean_size=1000")
    assert id_of("method.clean_decay=0.1", "method.clean_loss_decay=true") != id_of("method.clean_loss_decay=true")


# Fine-tuning


class Images:
    """A training set of two batches that don't have sample 3."""

    def batches(self, epoch: int, *, augmented: bool) -> Iterator[Batch]:
        assert not augmented
        images = images_batch(39).images
        for part in torch.tensor([index for index in range(40) if index != 3]).split(20):
            yield Batch(images[part - (part > 3).long()], part * 0, part, epoch)


def run(method: Method, network: nn.Module, epochs: int, steps: int = 4) -> list[bool]:
    """Whether each step of a run trained on the clean batch."""
    tuned = []
    for epoch in range(epochs):
        for step in range(steps):
            tuned.append(method(network, replace(images_batch(seed=step), epoch=epoch)).logits is None)
            method.after_step()
        method.end_epoch()
    return tuned


def test_the_last_steps_train_on_the_clean_batch() -> None:
    network = residual_network()
    method = build(network, training_set=Images(), finetune_steps=6)
    assert run(method, network, epochs=3) == [False] * 6 + [True] * 6
    assert run(build(network), network, epochs=3) == [False] * 12
    assert run(build(network, training_set=Images(), finetune_steps=99), network, 3) == [False] * 4 + [True] * 8


def test_a_step_of_fine_tuning_is_plain_training_on_the_clean_batch() -> None:
    network = residual_network()
    method = build(network, epochs=2, training_set=Images(), finetune_steps=1)
    run(method, network, epochs=1, steps=1)
    plain, batch = copy.deepcopy(network), images_batch()
    output = method(network, batch)
    assert output.logits is None
    torch.testing.assert_close(output.loss, F.cross_entropy(plain(batch.clean_images), batch.clean_targets))
    torch.testing.assert_close(network.state_dict(), plain.state_dict(), rtol=0, atol=0)


def test_of_an_epoch_with_fine_tuning_the_whole_training_set_is_predicted() -> None:
    network = residual_network()
    method = build(network, training_set=Images(), finetune_steps=2)
    run(method, network, epochs=2)
    assert method.predictions() is None
    run(method, network, epochs=1)
    found = method.predictions()
    assert found is not None
    images = images_batch(39).images
    network.eval()
    expected: Tensor = network(images).argmax(1)
    assert found.tolist() == [*expected[:3].tolist(), -1, *expected[3:].tolist()]


def test_a_state_knows_where_fine_tuning_begins() -> None:
    network = residual_network()
    method, resumed = (build(network, training_set=Images(), finetune_steps=6) for _ in range(2))
    run(method, network, epochs=1)
    run_of_state = copy.deepcopy(method.state_dict())
    resumed.load_state_dict(run_of_state)
    assert run(resumed, network, epochs=2) == run(method, network, epochs=2) == [False] * 2 + [True] * 6


def test_fine_tuning_that_begins_with_an_epoch_predicts_nothing_for_the_epoch_before() -> None:
    network = residual_network()
    method = build(network, training_set=Images(), finetune_steps=4)
    assert run(method, network, epochs=2) == [False] * 8
    assert method.predictions() is None
    assert run(method, network, epochs=1) == [True] * 4
    assert method.predictions() is not None
