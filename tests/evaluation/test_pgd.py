"""PGD of a finished run: its parameters reach the attack, and mistaken ones are told."""

from __future__ import annotations

import pytest
import torch
from toy_subject import ToySubject

from olsrepro.evaluation.attack import LOSSES, pgd, random_start
from olsrepro.evaluation.fgsm.measure import measure as measure_fgsm
from olsrepro.evaluation.fgsm.settings import Settings as FgsmSettings
from olsrepro.evaluation.input_space import PixelNetwork
from olsrepro.evaluation.pgd.measure import measure
from olsrepro.evaluation.pgd.settings import Settings
from olsrepro.evaluation.registry import evaluation_names, read_settings
from olsrepro.settings import UserError


def test_pgd_is_found_by_its_name() -> None:
    assert "pgd" in evaluation_names()
    assert read_settings({"name": "pgd"}) == Settings()


@pytest.mark.parametrize("starts", [False, True])
@pytest.mark.parametrize("stops", [False, True])
@pytest.mark.parametrize("loss", ["ce", "margin"])
def test_every_parameter_reaches_the_attack(starts: bool, stops: bool, loss: str) -> None:
    settings = Settings(
        epsilon=0.1,
        step_size=0.03,
        iterations=5,
        random_start=starts,
        stop_at_success=stops,
        loss=loss,
        keep=30,
        batch_size=30,
    )
    subject = ToySubject(seed=3)
    images, targets = subject.images("test").images, subject.images("test").targets
    pixels = images / 255
    expected = pgd(
        PixelNetwork(subject.network(), subject.mean, subject.std),
        pixels,
        targets,
        epsilon=0.1,
        step_size=0.03,
        iterations=5,
        start=random_start(pixels, torch.arange(30), epsilon=0.1, seed=3) if starts else None,
        stop_at_success=stops,
        loss=LOSSES[loss],
    )
    assert torch.equal(measure(settings, subject).tensors["adversarial"], expected)


def test_a_random_start_follows_the_run_s_seed_and_the_place_in_the_test_set() -> None:
    settings = Settings(random_start=True, step_size=0, keep=30, batch_size=7)
    first, second = (measure(settings, ToySubject(seed=seed)).tensors["adversarial"] for seed in (0, 1))
    whole = Settings(random_start=True, step_size=0, keep=30, batch_size=30)
    assert torch.equal(first, measure(whole, ToySubject(seed=0)).tensors["adversarial"])
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    "settings",
    [
        Settings(iterations=0, keep=30),
        Settings(iterations=0, random_start=True, keep=30),
        Settings(epsilon=0, random_start=True, keep=30),
    ],
)
def test_no_step_or_no_bound_changes_nothing(settings: Settings) -> None:
    subject = ToySubject()
    result = measure(settings, subject)
    assert torch.equal(result.tensors["adversarial"], subject.images("test").images / 255)
    assert result.values["top1_err"] == result.values["clean_err"]
    assert result.values["loss_after"] == result.values["loss_before"]


def test_one_step_of_the_bound_is_fgsm() -> None:
    one = measure(Settings(iterations=1, step_size="8/255"), ToySubject())
    assert one.values == measure_fgsm(FgsmSettings(), ToySubject()).values


def test_twenty_steps_raise_the_loss_at_least_as_much_as_one() -> None:
    subject = ToySubject()
    many, one = measure(Settings(), subject).values, measure_fgsm(FgsmSettings(), subject).values
    assert many["loss_after"] >= one["loss_after"] > one["loss_before"] == many["loss_before"]


def test_stopping_at_success_reaches_no_higher_loss() -> None:
    stopped, whole = (
        measure(Settings(stop_at_success=stops, epsilon=0.1), ToySubject()).values for stops in (True, False)
    )
    assert stopped["loss_after"] < whole["loss_after"]
    assert stopped["top1_err"] == whole["top1_err"]


@pytest.mark.parametrize(
    ("step_size", "number"), [("2/255", 2 / 255), (0.01, 0.01), ("epsilon/4", 2 / 255), ("epsilon/10", 0.8 / 255)]
)
def test_a_step_is_a_number_a_fraction_or_a_share_of_the_bound(step_size: str | float, number: float) -> None:
    assert Settings(step_size=step_size).step == pytest.approx(number, rel=1e-15)
    assert Settings(step_size=step_size).identity()["step_size"] == Settings(step_size=step_size).step


def test_a_share_of_the_bound_and_the_same_step_are_one_evaluation() -> None:
    assert Settings(step_size="epsilon/4").identity() == Settings().identity()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("step_size", "epsilon/0", r"pgd\.step_size=epsilon/0 must be .* a share such as epsilon/4"),
        ("step_size", "epsilon", r"pgd\.step_size=epsilon must be a number"),
        ("step_size", 2, r"pgd\.step_size=2 must be in \[0, 1\]; 2 of 255 levels is written 2/255"),
        ("iterations", -1, r"pgd\.iterations=-1 must be a whole number of at least 0"),
        ("iterations", True, r"pgd\.iterations=True must be a whole number"),
        ("random_start", "on", r"pgd\.random_start=on must be true or false"),
        ("stop_at_success", 1, r"pgd\.stop_at_success=1 must be true or false"),
        ("steps", 20, r"pgd\.steps=20: pgd has no steps; did you mean step_size"),
    ],
)
def test_a_mistaken_parameter_is_told_in_one_line(key: str, value: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_settings({"name": "pgd", key: value})
