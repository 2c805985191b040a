"""BYOT: golden losses and gradients of every head, what is trained and tested, and what a switch leaves out."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from given_heads import GivenHeads, K, assert_golden, batch_of, cases, given, network_and_method
from hypothesis import given as drawn
from hypothesis import settings as examples
from hypothesis import strategies as st
from torch import Tensor

from olsrepro.config.compose import compose_run
from olsrepro.methods.base import MethodContext
from olsrepro.methods.byot.distillation import distillation, journal, logit_kd
from olsrepro.methods.byot.settings import Settings
from olsrepro.methods.head_losses import hard_loss
from olsrepro.methods.registry import build_method
from olsrepro.models.count import mac_count, parameter_count
from olsrepro.settings import UserError

PRECISIONS = {"float64": torch.float64, "float32": torch.float32}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"supervision": "logits"}, "supervision=logits is not known; did you mean logit_kd?"),
    ({"alpha": 1.1}, "alpha=1.1 must be in [0, 1]"),
    ({"T": 0.0}, "T=0 must be at least"),
    ({"supervision": "journal", "lam": -0.1}, "lam=-0.1 must be in [0, 1]"),
    ({"eval": "mean"}, "eval=mean is not known; did you mean main?"),
    ({"supervision": "class_labels", "hard_weights": []}, "hard_weights=[] must hold a weight above 0"),
    ({"supervision": "class_labels", "hard_weights": [0.0, 0.0]}, "hard_weights=[0, 0] must hold a weight above 0"),
    ({"supervision": "class_labels", "hard_weights": [1.0, -1.0]}, "hard_weights=-1 must be at least 0"),
    ({"supervision": "class_labels", "alpha": 0.3}, "alpha=0.3 has no meaning with supervision=class_labels, which"),
    ({"lam": 0.5}, "lam=0.5 has no meaning with supervision=logit_kd, which has alpha and T; leave it at 0.3"),
    ({"supervision": "journal", "hard_weights": [1.0]}, "hard_weights=[1.0] has no meaning with supervision=journal"),
]


def drawn_logits(heads: int, seed: int = 0) -> tuple[list[Tensor], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = [torch.randn(6, K, generator=generator, dtype=torch.float64) for _ in range(heads)]
    return logits, torch.randint(K, (6,), generator=generator)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("case", **cases("byot"))
def test_loss_and_gradient_of_every_head_are_golden(case: dict[str, Any], precision: str) -> None:
    logits, batch = given(case["inputs"], PRECISIONS[precision])
    _, method = network_and_method("byot", sides=len(logits) - 1, **case["params"])
    output = method(GivenHeads(logits), batch)
    output.loss.backward()
    assert output.logits is logits[0]
    assert_golden(output.loss, case["expected"]["loss"], precision)
    assert_golden(logits[0].grad, case["expected"]["grad_logits"], precision)
    for at, side in enumerate(logits[1:], start=1):
        assert_golden(side.grad, case["expected"][f"grad_side{at}"], precision)


def test_the_defaults_are_the_golden_cases() -> None:
    for sides in (2, 3):
        for supervision in ("logit_kd", "class_labels", "journal"):
            case = next(c for c in cases("byot")["argvalues"] if c["id"] == f"byot/{supervision}/{sides}sides")
            logits, batch = given(case["inputs"])
            _, method = network_and_method("byot", sides, supervision=supervision)
            assert_golden(method(GivenHeads(logits), batch).loss, case["expected"]["loss"], "float64")


def test_the_deepest_head_gets_no_gradient_from_its_pupils() -> None:
    logits, _ = given("main + side1 + side2")
    distillation(logits, 3.0).backward()
    assert logits[0].grad is None
    assert all(side.grad.abs().sum() > 0 for side in logits[1:])


@examples(deadline=None, max_examples=30)
@drawn(st.integers(2, 5), st.floats(0, 1), st.floats(0.5, 20), st.integers(0, 99))
def test_the_losses_are_their_definitions(heads: int, share: float, temperature: float, seed: int) -> None:
    logits, target = drawn_logits(heads, seed)
    hard, taught = [0.0] * heads, [0.0] * heads
    for i, z in enumerate(logits):
        for b in range(len(target)):
            p = [math.exp(v) for v in z[b].tolist()]
            hard[i] -= math.log(p[target[b]] / sum(p)) / len(target)
            p, q = ([math.exp(v / temperature) for v in row.tolist()] for row in (z[b], logits[0][b]))
            taught[i] -= sum(a / sum(q) * math.log(c / sum(p)) for a, c in zip(q, p, strict=True)) / len(target)
    kd = (1 - share) * sum(hard) + share * temperature**2 * sum(taught[1:])
    later = hard[0] + (1 - share) * sum(hard[1:]) + share * sum(taught[1:])
    assert logit_kd(logits, target, share, temperature).item() == pytest.approx(kd, rel=1e-9)
    assert journal(logits, target, share, temperature).item() == pytest.approx(later, rel=1e-9)
    weights = [share + 0.1, *range(1, heads)]
    expected = sum(w * h for w, h in zip(weights, hard, strict=True))
    assert hard_loss(logits, target, weights).item() == pytest.approx(expected, rel=1e-9)


def test_without_distillation_byot_is_the_plain_sum_of_the_heads() -> None:
    logits, batch = given("main + side1 + side2", torch.float32)
    _, method = network_and_method("byot", alpha=0.0)
    expected = sum(F.cross_entropy(z, batch.targets) for z in logits)
    assert torch.equal(method(GivenHeads(logits), batch).loss, expected)


@pytest.mark.parametrize(
    ("switches", "untouched"),
    [
        ({"alpha": 1.0}, "target"),
        ({"alpha": 0.0}, "distillation"),
        ({"supervision": "journal", "lam": 0.0}, "distillation"),
        ({"supervision": "class_labels", "hard_weights": [1.0, 0.0]}, "sides"),
    ],
)
def test_a_term_of_weight_zero_is_not_computed(
    switches: dict[str, Any], untouched: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    logits, batch = given("main + side1 + side2", torch.float32)
    _, method = network_and_method("byot", **switches)
    if untouched == "target":
        monkeypatch.setattr(F, "cross_entropy", lambda *_: pytest.fail("a hard term was computed"))
    elif untouched == "distillation":
        monkeypatch.setattr(
            "olsrepro.methods.byot.distillation.distillation", lambda *_: pytest.fail("it was computed")
        )
    else:
        logits = [logits[0], *(torch.full_like(z, math.nan) for z in logits[1:])]
    assert method(GivenHeads(logits), batch).loss.isfinite()


def test_half_logits_are_raised_under_any_autocast() -> None:
    logits, batch = given("main + side1 + side2", torch.bfloat16)
    for supervision in ("logit_kd", "class_labels", "journal"):
        _, method = network_and_method("byot", supervision=supervision)
        with torch.autocast("cpu", torch.bfloat16):
            loss = method(GivenHeads(logits), batch).loss
        assert loss.dtype == torch.float32
        assert torch.equal(loss, method(GivenHeads([z.float() for z in logits]), batch).loss)


def test_what_is_trained_gives_the_networks_own_logits_first_and_then_a_side_after_each_stage() -> None:
    network, method = network_and_method("byot", sides=3)
    trained = method.trained(network).eval()
    images = torch.randn(5, 3, 8, 8)
    logits = trained(images)
    maps = network.stage_features(images)
    assert torch.equal(logits[0], network(images))
    for at, name in enumerate(("layer1", "layer2", "layer3"), start=1):
        assert torch.equal(logits[at], method.heads[name](maps[name]))
    assert [tuple(z.shape) for z in logits] == [(5, K)] * 4


def test_the_heads_are_the_methods_and_the_network_has_none() -> None:
    network, method = network_and_method("byot")
    plain, _ = network_and_method("hard")
    method.trained(network), method.tested(network)
    assert network.state_dict().keys() == plain.state_dict().keys()
    assert {key.split(".")[0] for key in method.state_dict()} == {"heads"}
    assert parameter_count(method) == parameter_count(method.heads)
    ours = {id(parameter) for parameter in method.parameters()}
    assert ours.isdisjoint(map(id, network.parameters()))


def test_all_methods_of_a_seed_start_from_one_trunk() -> None:
    plain, _ = network_and_method("hard", sides=3, seed=7)
    for name in ("byot", "byot_ols"):
        network, _ = network_and_method(name, sides=3, seed=7)
        for key, value in plain.state_dict().items():
            assert torch.equal(network.state_dict()[key], value)


def test_heads_differ_between_seeds_and_not_between_the_two_methods() -> None:
    first, again, other = (
        network_and_method(name, seed=seed)[1] for name, seed in (("byot", 0), ("byot_ols", 0), ("byot", 1))
    )
    weight = first.heads["layer1"].conv1.weight
    assert torch.equal(weight, again.heads["layer1"].conv1.weight)
    assert not torch.equal(weight, other.heads["layer1"].conv1.weight)


def test_one_step_moves_trunk_and_heads() -> None:
    network, method = network_and_method("byot")
    trained = method.trained(network)
    parameters = [*network.parameters(), *method.parameters()]
    generator = torch.Generator().manual_seed(0)
    batch = batch_of(torch.randint(K, (8,), generator=generator), torch.randn(8, 3, 8, 8, generator=generator))
    method(trained, batch).loss.backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in parameters)


def test_a_weight_of_zero_for_the_sides_trains_the_trunk_bit_for_bit_as_hard_does() -> None:
    network, method = network_and_method("byot", supervision="class_labels", hard_weights=[1.0, 0.0])
    plain, hard = network_and_method("hard")
    generator = torch.Generator().manual_seed(0)
    batch = batch_of(torch.randint(K, (8,), generator=generator), torch.randn(8, 3, 8, 8, generator=generator))
    method(method.trained(network), batch).loss.backward()
    hard(plain, batch).loss.backward()
    for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)
    assert all(parameter.grad is None for parameter in method.parameters())


def test_the_deepest_head_is_tested_or_the_mean_probability_of_all() -> None:
    images = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    network, method = network_and_method("byot")
    assert method.tested(network) is network
    network, method = network_and_method("byot", eval="ensemble")
    tested = method.tested(network).eval()
    p = torch.stack([z.softmax(1) for z in method.trained(network)(images)]).mean(0)
    torch.testing.assert_close(tested(images).softmax(1), p)
    torch.testing.assert_close(tested(images), p.log())


def test_the_ensemble_of_certain_heads_that_disagree_stays_finite() -> None:
    network, method = network_and_method("byot", eval="ensemble")
    tested = method.tested(network).eval()
    with torch.no_grad():
        for at, head in enumerate(method.heads.values()):
            head.fc.weight.zero_()
            head.fc.bias.copy_(1e4 * F.one_hot(torch.tensor(at), K))
    images = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    p = (network(images).softmax(1) + torch.eye(K)[0] + torch.eye(K)[1]) / 3
    assert tested(images).isfinite().all()
    torch.testing.assert_close(tested(images).softmax(1), p)


def test_evaluation_changes_no_state() -> None:
    network, method = network_and_method("byot", eval="ensemble")
    before = {key: value.clone() for key, value in (network.state_dict() | method.state_dict()).items()}
    tested = method.tested(network).eval()
    tested(torch.randn(5, 3, 8, 8))
    tested.train()
    after = network.state_dict() | method.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert all(module.training for module in method.modules())


def test_multiply_adds_of_the_heads_come_on_top_of_the_trunks() -> None:
    network, method = network_and_method("byot", sides=3, size=32)
    maps = network.stage_features(torch.zeros(1, 3, 32, 32))
    expected = mac_count(network, 32)
    for name, head in method.heads.items():
        channels, planes, width = maps[name].shape[1], head.conv1.out_channels, head.conv3.out_channels
        k, side = head.conv2.stride[0], maps[name].shape[-1]
        expected += side**2 * channels * planes + (side // k) ** 2 * planes * (planes * k**2 + width) + width * K
    assert mac_count(method.trained(network), 32) == expected


def test_the_state_goes_to_another_method_and_gives_the_same_logits() -> None:
    network, method = network_and_method("byot", seed=0)
    other_network, other = network_and_method("byot", seed=1)
    other_network.load_state_dict(network.state_dict())
    other.load_state_dict(method.state_dict())
    images = torch.randn(5, 3, 8, 8)
    for ours, theirs in zip(method.trained(network)(images), other.trained(other_network)(images), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(("switches", "message"), REFUSED)
def test_a_switch_that_cannot_be_is_refused_with_its_key(switches: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Settings(**switches)


def test_more_weights_than_heads_are_a_users_error() -> None:
    message = "method.hard_weights=[1, 1, 1, 1] has 4 weights, but with this backbone there are 3 heads; give at most 3"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        network_and_method("byot", sides=2, supervision="class_labels", hard_weights=[1.0] * 4)


def test_without_a_backbone_there_is_no_byot() -> None:
    with pytest.raises(ValueError, match="side heads need the run's backbone"):
        build_method(Settings(), MethodContext(K, seed=0))


def test_weights_typed_out_and_their_short_form_are_one_run_and_unused_switches_are_none() -> None:
    spelt = Settings(supervision="class_labels", hard_weights=[1.5, 0.5, 0.5, 0.5]).identity()
    assert spelt == Settings(supervision="class_labels").identity()
    assert spelt == {"supervision": "class_labels", "eval": "main", "hard_weights": [1.5, 0.5]}
    assert Settings().identity() == {"supervision": "logit_kd", "eval": "main", "alpha": 0.1, "T": 3.0}
    assert Settings(hard_weights=[1.5, 0.5]).needs_stages


def test_the_config_file_says_what_the_settings_say() -> None:
    assert compose_run(["method=byot"]).method == Settings()
