"""FGSM of a finished run: what is counted, over which images, and what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from toy_subject import ToyBackbone, ToySubject

from olsrepro.evaluation.attack import fgsm
from olsrepro.evaluation.fgsm.measure import measure
from olsrepro.evaluation.fgsm.settings import Settings
from olsrepro.evaluation.input_space import PixelNetwork, input_space
from olsrepro.evaluation.registry import evaluation_names, read_settings
from olsrepro.evaluation.registry import measure as measure_by_name
from olsrepro.settings import UserError


def labelled_by(subject: ToySubject, wrong: int) -> ToySubject:
    """The same subject whose test labels are what its network says, but for the first few."""
    logits, _ = subject.test_logits()
    targets = logits.argmax(1)
    targets[:wrong] = (targets[:wrong] + 1) % subject.classes
    subject.test = subject.images("test").images, targets
    return subject


def errors(logits: Tensor, targets: Tensor) -> float:
    return 100 * float((logits.argmax(1) != targets).double().mean())


def test_fgsm_is_found_by_its_name_and_measured() -> None:
    assert "fgsm" in evaluation_names()
    result = measure_by_name(read_settings({"name": "fgsm", "epsilon": "4/255"}), ToySubject())
    assert result.samples == 30
    assert result.detail["parameters"]["epsilon"] == 4 / 255


def test_the_errors_before_and_after_are_counted_over_all_images() -> None:
    subject = labelled_by(ToySubject(), wrong=6)
    result = measure(Settings(epsilon=0.05), subject)
    images, targets = subject.images("test").images, subject.images("test").targets
    network = PixelNetwork(subject.network(), subject.mean, subject.std)
    attacked = network(fgsm(network, images / 255, targets, epsilon=0.05))
    right = network(images / 255).argmax(1) == targets
    assert result.samples == 30
    assert result.values["clean_err"] == 20
    assert result.values["top1_err"] == pytest.approx(errors(attacked, targets))
    assert result.values["clean_correct_err"] == pytest.approx(errors(attacked[right], targets[right]))
    assert result.values["top1_err"] > result.values["clean_err"]
    assert result.values["loss_after"] > result.values["loss_before"]


def test_top_5_is_counted_too() -> None:
    values = measure(Settings(epsilon=0.2), labelled_by(ToySubject(classes=9), wrong=0)).values
    assert 0 <= values["top5_err"] < values["top1_err"]
    assert values["top1_err"] == values["clean_correct_err"]


def test_only_the_images_that_were_right_can_be_attacked() -> None:
    subject = labelled_by(ToySubject(), wrong=6)
    everything = measure(Settings(epsilon=0.05), subject)
    result = measure(Settings(epsilon=0.05, images="correct", keep=2), subject)
    assert result.samples == 24
    assert result.values["clean_err"] == 20
    assert result.values["top1_err"] == everything.values["clean_correct_err"]
    assert "clean_correct_err" not in result.values
    assert result.tensors["indices"].tolist() == [6, 7]


@pytest.mark.parametrize("space", ["pixel", "normalised"])
@pytest.mark.parametrize("images", ["all", "correct"])
def test_the_error_of_the_kept_images_is_the_attack_s_own(space: str, images: str) -> None:
    subject = labelled_by(ToySubject(), wrong=6)
    result = measure(Settings(epsilon=0.1, input_space=space, images=images, keep=30, batch_size=7), subject)
    kept, targets = result.tensors["adversarial"], subject.images("test").targets[result.tensors["indices"]]
    assert len(kept) == result.samples
    assert kept.dtype == torch.float32
    assert errors(input_space(space, subject).network(kept), targets) == pytest.approx(result.values["top1_err"])


def test_no_image_is_kept_unless_asked_for() -> None:
    assert measure(Settings(), ToySubject()).tensors == {}


def test_the_first_kept_images_are_those_of_a_run_that_keeps_all() -> None:
    every, few = (measure(Settings(keep=keep, batch_size=4), ToySubject()).tensors for keep in (30, 6))
    assert few["adversarial"].shape == (6, 3, 8, 8)
    assert torch.equal(few["adversarial"], every["adversarial"][:6])
    assert few["indices"].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_bound_of_0_changes_nothing() -> None:
    subject = labelled_by(ToySubject(), wrong=3)
    result = measure(Settings(epsilon=0, keep=30), subject)
    assert torch.equal(result.tensors["adversarial"], subject.images("test").images / 255)
    assert result.values["top1_err"] == result.values["clean_err"] == 10
    assert result.values["loss_after"] == result.values["loss_before"]
    assert result.values["clean_correct_err"] == 0


def test_the_first_images_alone_can_be_attacked() -> None:
    subject = labelled_by(ToySubject(), wrong=6)
    result = measure(Settings(first=12), subject)
    assert result.samples == result.detail["test_images"] == 12
    assert result.values["clean_err"] == 50
    assert measure(Settings(first=99), subject).samples == 30


def test_the_clean_logits_are_those_of_the_run_s_own_test() -> None:
    subject = ToySubject()
    space = input_space("pixel", subject)
    logits = space.logits(space.inputs(subject.images("test").images))
    assert torch.equal(logits, subject.test_logits()[0])


def test_batches_change_no_number() -> None:
    subject = labelled_by(ToySubject(), wrong=4)
    one, many = (measure(Settings(batch_size=size), subject) for size in (30, 4))
    assert one.values == pytest.approx(many.values, abs=1e-6)
    assert Settings(batch_size=4).identity() == Settings().identity()


def test_a_bound_in_normalised_units_is_told_in_255ths_of_each_channel() -> None:
    assert measure(Settings(), ToySubject()).detail["epsilon_of_255"] == [8, 8, 8]
    detail = measure(Settings(input_space="normalised"), ToySubject()).detail
    assert detail["epsilon_of_255"] == [2.0, 1.92, 2.08]


def test_the_margin_loss_is_told_where_it_is_raised() -> None:
    subject = labelled_by(ToySubject(), wrong=0)
    values = measure(Settings(loss="margin"), subject).values
    assert values["loss_before"] < 0, "all are right"
    assert values["loss_before"] < values["loss_after"]


def test_logits_that_are_not_finite_are_refused() -> None:
    class Poisoned(ToyBackbone):
        def classify(self, pooled: Tensor) -> Tensor:
            return super().classify(pooled) * float("nan")

    broken = Poisoned(3).eval().requires_grad_(False)
    with pytest.raises(UserError, match=r"not finite; measure the other weights with fgsm\.weights=last"):
        measure(Settings(), ToySubject(backbone=broken))


def test_no_image_left_to_attack_is_said() -> None:
    with pytest.raises(UserError, match=r"none of 30 test images correctly.*fgsm\.images=all"):
        measure(Settings(images="correct"), labelled_by(ToySubject(), wrong=30))
    assert "clean_correct_err" not in measure(Settings(), labelled_by(ToySubject(), wrong=30)).values


def test_a_fraction_and_its_number_are_one_evaluation() -> None:
    assert Settings(epsilon="8/255").identity() == Settings(epsilon=8 / 255).identity()
    assert Settings().bound == 8 / 255
    assert Settings(epsilon="0.05").bound == 0.05
    assert Settings(epsilon="4/255").identity() != Settings().identity()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("epsilon", 8, r"fgsm\.epsilon=8 must be in \[0, 1\]; 8 of 255 levels is written 8/255"),
        ("epsilon", -0.1, r"fgsm\.epsilon=-0\.1 must be in \[0, 1\]$"),
        ("epsilon", "8/0", r"fgsm\.epsilon=8/0 must be a number, or a fraction such as 8/255"),
        ("epsilon", "eight", r"fgsm\.epsilon=eight must be a number"),
        ("epsilon", float("nan"), r"fgsm\.epsilon=nan must be a number"),
        ("epsilon", None, r"fgsm\.epsilon=None must be a number"),
        ("input_space", "pixels", r"fgsm\.input_space=pixels is not known; did you mean pixel\?"),
        ("images", "right", r"fgsm\.images=right is not known"),
        ("loss", "hinge", r"fgsm\.loss=hinge is not known; valid: ce, margin"),
        ("first", 0, r"fgsm\.first=0 must be a whole number of at least 1"),
        ("first", "ten", r"fgsm\.first=ten must be a whole number"),
        ("keep", -1, r"fgsm\.keep=-1 must be a whole number of at least 0"),
        ("batch_size", 2.5, r"fgsm\.batch_size=2\.5 must be a whole number of at least 1"),
        ("weights", "first", r"fgsm\.weights=first is not known"),
        ("iterations", 3, r"fgsm\.iterations=3: fgsm has no iterations"),
    ],
)
def test_a_mistaken_parameter_is_told_in_one_line(key: str, value: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_settings({"name": "fgsm", key: value})


def test_the_network_stays_in_evaluation_mode_and_without_gradients() -> None:
    network = ToySubject().network()
    measure(Settings(), ToySubject(backbone=network))
    assert not network.training
    assert all(not weight.requires_grad and weight.grad is None for weight in network.parameters())
