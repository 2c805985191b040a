"""The ensemble over epochs: which it takes, what their mean is, and what a run must have kept for it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from toy_subject import ToySubject, toy_images, toy_network

from olsrepro.data.pixels import Normaliser
from olsrepro.evaluation.classification import classify
from olsrepro.evaluation.ensemble.average import ensemble_mean
from olsrepro.evaluation.ensemble.settings import Settings
from olsrepro.evaluation.ensemble_epochs import GRIDS, count_members, member_epochs, members_by_size
from olsrepro.evaluation.ensemble_sums import EnsembleSums
from olsrepro.evaluation.registry import measure, read_settings
from olsrepro.settings import UserError

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/golden_evaluations.json").read_text())["examples"]
EPOCHS, MEAN = GOLDEN["ensemble_epochs"], GOLDEN["ensemble_softmax_mean"]
LOGITS = torch.tensor(MEAN["inputs"]["logits_model_sample_class"])
TARGETS = torch.tensor(MEAN["inputs"]["labels"])
SIZES = EPOCHS["inputs"]["sizes"]


def by_definition(grid: str, epochs: int, models: int) -> set[int]:
    """The spec's formulas in exact integers, whatever is outside the training left out."""
    twice = {"grid_end": 0, "grid_mid": 1, "grid_start": 2}[grid]
    places = [(epochs * (2 * j - twice), 2 * models) for j in range(1, models + 1)]
    rounded = {
        "grid_end": [above // below for above, below in places],
        "grid_mid": [above // below + (above % below > 0) for above, below in places],
        "grid_start": [above // below + 1 for above, below in places],
    }[grid]
    return {epoch for epoch in rounded if 1 <= epoch <= epochs}


def sums_over(logits: Tensor, sizes: list[int], grid: str = "grid_end") -> dict[int, tuple[Tensor, list[int]]]:
    """As a run leaves them whose test logits after each epoch are those of ``logits`` (epochs, N, K)."""
    sums = EnsembleSums(members_by_size(sizes, grid, len(logits), seed=0))
    for epoch, of_epoch in enumerate(logits, 1):
        sums.add(epoch, of_epoch)
    return {size: (total, sums.members[size]) for size, total in sums.complete().items()}


def subject_of(logits: Tensor, sizes: list[int], grid: str = "grid_end") -> ToySubject:
    images, _ = toy_images(logits.shape[1], 3)
    return ToySubject(
        epochs=len(logits), logits=logits[-1], test=(images, TARGETS), sums=sums_over(logits, sizes, grid)
    )


def keeper(epochs: int, kept: list[int]) -> ToySubject:
    """A run that kept the weights of some epochs and no sums."""
    return ToySubject(epochs=epochs, networks={epoch: toy_network(3, seed=epoch) for epoch in kept})


def logits_of(subject: ToySubject, epoch: int) -> Tensor:
    images = subject.images("test").images
    with torch.no_grad():
        return subject.networks[epoch](Normaliser(subject.mean, subject.std, "cpu")(images))


@pytest.mark.parametrize("size", SIZES)
def test_the_ends_of_equal_parts_are_the_golden_epochs(size: int) -> None:
    assert member_epochs("grid_end", EPOCHS["inputs"]["epochs"], size, seed=0) == EPOCHS["expected"][str(size)]


def test_all_sizes_together_take_the_golden_epochs() -> None:
    members = members_by_size(SIZES, "grid_end", 300, seed=0)
    assert sorted({*members[6], *members[10], *members[15], *members[20]}) == EPOCHS["expected"]["union"]
    assert count_members(SIZES, "grid_end", 300) == EPOCHS["expected"]["union_size"]


def test_other_grids_take_the_middle_and_the_start_of_each_part() -> None:
    assert member_epochs("grid_mid", 300, 6, seed=0) == [25, 75, 125, 175, 225, 275]
    assert member_epochs("grid_mid", 300, 20, seed=0)[:3] == [8, 23, 38]  # the middle one of epochs 1 to 15, ...
    assert member_epochs("grid_start", 300, 6, seed=0) == [1, 51, 101, 151, 201, 251]


@given(st.sampled_from([grid for grid in GRIDS if grid != "random"]), st.integers(1, 60), st.integers(1, 80))
def test_a_grid_is_its_formula_with_no_epoch_twice(grid: str, epochs: int, models: int) -> None:
    found = member_epochs(grid, epochs, models, seed=0)
    assert found == sorted(by_definition(grid, epochs, models))
    assert len(found) == min(models, epochs)


@given(st.sampled_from(GRIDS), st.integers(1, 60), st.lists(st.integers(1, 80), max_size=4), st.integers(0, 5))
def test_members_are_different_epochs_of_the_training_in_order(
    grid: str, epochs: int, sizes: list[int], seed: int
) -> None:
    members = members_by_size(sizes, grid, epochs, seed)
    for size, found in members.items():
        assert len(found) == min(size, epochs)
        assert found == sorted({*found})
        assert set(found) <= set(range(1, epochs + 1))
    assert count_members(sizes, grid, epochs) == len({epoch for found in members.values() for epoch in found})


def test_more_models_than_epochs_are_all_epochs() -> None:
    assert all(member_epochs(grid, 4, 6, seed=0) == [1, 2, 3, 4] for grid in GRIDS)


def test_random_epochs_are_the_seeds_and_every_epoch_is_as_likely() -> None:
    assert member_epochs("random", 300, 20, seed=1) == member_epochs("random", 300, 20, seed=1)
    assert member_epochs("random", 300, 20, seed=1) != member_epochs("random", 300, 20, seed=2)
    counts = torch.zeros(11)
    for seed in range(2000):
        counts[member_epochs("random", 10, 3, seed)] += 1
    deviation = math.sqrt(2000 * 0.3 * 0.7)
    assert counts[0] == 0
    assert (counts[1:] - 600).abs().max() < 4 * deviation


def test_random_members_of_a_small_ensemble_are_members_of_a_large_one() -> None:
    members = members_by_size(SIZES, "random", 300, seed=3)
    assert set(members[6]) < set(members[10]) < set(members[15]) < set(members[20])


def test_counting_members_loads_no_torch() -> None:
    lines = (
        "import sys\n"
        "from olsrepro.evaluation.ensemble.settings import Settings\n"
        "from olsrepro.evaluation.ensemble_epochs import GRIDS, count_members\n"
        "assert [count_members([6, 20], grid, 300) for grid in GRIDS] == [24, 26, 24, 20]\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", lines], check=True)


def test_the_mean_of_probabilities_and_of_logits_are_the_golden_ones() -> None:
    probabilities = ensemble_mean(LOGITS)
    torch.testing.assert_close(probabilities, torch.tensor(MEAN["expected"]["mean_probabilities"]), atol=2e-6, rtol=0)
    assert classify(probabilities, TARGETS).top1_err == pytest.approx(MEAN["expected"]["ensemble_err"], abs=1e-5)
    logits = ensemble_mean(LOGITS, "logits")
    torch.testing.assert_close(logits, LOGITS.mean(0))
    assert classify(logits, TARGETS).top1_err == pytest.approx(MEAN["expected"]["logit_mean_err"], abs=1e-5)


def test_one_model_is_its_own_ensemble() -> None:
    for model, expected in zip(LOGITS, MEAN["expected"]["single_model_errs"], strict=True):
        assert classify(ensemble_mean([model]), TARGETS).top1_err == pytest.approx(expected, abs=1e-5)


def test_an_ensemble_of_no_model_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one model"):
        ensemble_mean([])


def test_a_runs_sums_give_the_golden_error_and_name_their_epochs() -> None:
    result = measure(Settings(size=3), subject_of(LOGITS, [2, 3]))
    assert result.values == {"top1_err": pytest.approx(MEAN["expected"]["ensemble_err"], abs=1e-5), "top5_err": 0.0}
    assert result.samples == len(TARGETS)
    assert result.detail == {
        "epochs": [1, 2, 3],
        "models": 3,
        "size": 3,
        "grid": "grid_end",
        "average": "softmax",
        "made_from": "sums kept while training",
    }


def test_more_models_than_epochs_are_measured_over_the_epochs_and_said_to_be_fewer() -> None:
    result = measure(Settings(size=20), subject_of(LOGITS, [20]))
    assert result.values == measure(Settings(size=3), subject_of(LOGITS, [3])).values
    assert (result.detail["epochs"], result.detail["models"], result.detail["size"]) == ([1, 2, 3], 3, 20)
    assert result.detail["fewer"] == "20 models asked for; the training has 3 epochs, each taken once"


def test_sums_over_the_same_epochs_serve_another_size() -> None:
    assert measure(Settings(size=6), subject_of(LOGITS, [20])).detail["epochs"] == [1, 2, 3]


def test_the_top5_error_ranks_the_mean_of_probabilities() -> None:
    logits = torch.randn(4, 50, 9, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(50) % 9
    subject = ToySubject(
        classes=9, epochs=4, logits=logits[-1], test=(toy_images(50, 9)[0], targets), sums=sums_over(logits, [2])
    )
    mean = (logits[1].softmax(1) + logits[3].softmax(1)) / 2
    in_top5 = [int(target) in row.topk(5).indices.tolist() for row, target in zip(mean, targets, strict=True)]
    assert measure(Settings(size=2), subject).values["top5_err"] == pytest.approx(100 - 2 * sum(in_top5))


@pytest.mark.parametrize("average", ["softmax", "logits"])
def test_kept_weights_give_the_ensemble_of_their_epochs(average: str) -> None:
    subject = keeper(6, [2, 3, 4, 6])
    result = measure(Settings(size=3, average=average), subject)
    each = [logits_of(subject, epoch) for epoch in (2, 4, 6)]
    mean = torch.stack([one if average == "logits" else one.softmax(1) for one in each]).mean(0)
    wrong = (mean.argmax(1) != subject.images("test").targets).double().mean()
    assert result.values["top1_err"] == pytest.approx(100 * float(wrong))
    assert result.detail["made_from"] == "weights of each epoch"
    assert result.detail["epochs"] == [2, 4, 6]


def test_sums_and_weights_of_one_run_agree() -> None:
    kept = keeper(4, [1, 2, 3, 4])
    sums = sums_over(torch.stack([logits_of(kept, epoch) for epoch in (1, 2, 3, 4)]), [2, 4])
    summed = ToySubject(epochs=4, sums=sums)
    for size in (2, 4):
        assert measure(Settings(size=size), kept).values == measure(Settings(size=size), summed).values


def test_kept_weights_serve_another_grid_than_the_runs_own() -> None:
    subject = keeper(6, [1, 2, 3, 4, 5, 6])
    assert measure(Settings(size=2, grid="grid_start"), subject).detail["epochs"] == [1, 4]
    drawn = measure(Settings(size=2, grid="random"), subject).detail["epochs"]
    assert drawn == member_epochs("random", 6, 2, subject.seed)


@pytest.mark.parametrize(
    ("settings", "subject", "told"),
    [
        (
            Settings(size=2),
            ToySubject(),
            "ensemble.size=2: toy-s0 kept no sums of test probabilities; train it again with "
            "'runtime.ensemble_sizes=[2]' runtime.ensemble_grid=grid_end --fresh",
        ),
        (
            Settings(size=2),
            subject_of(LOGITS, [1, 3]),
            "ensemble.size=2: toy-s0 kept sums over 1, 3 models only; train it again with "
            "'runtime.ensemble_sizes=[1,2,3]' runtime.ensemble_grid=grid_end --fresh",
        ),
        (
            Settings(size=2, grid="grid_start"),
            subject_of(LOGITS, [2]),
            "ensemble.size=2: toy-s0 kept sums over 2 models, but of other epochs than grid_start takes; train it "
            "again with 'runtime.ensemble_sizes=[2]' runtime.ensemble_grid=grid_start --fresh",
        ),
        (
            Settings(size=2, average="logits"),
            subject_of(LOGITS, [2]),
            "ensemble.size=2: average=logits needs the weights of epochs 1, 3, which toy-s0 did not keep; train it "
            "again with 'runtime.ensemble_sizes=[2]' runtime.ensemble_grid=grid_end runtime.keep=grid --fresh",
        ),
        (
            Settings(size=9, average="logits"),
            keeper(9, [2]),
            "ensemble.size=9: average=logits needs the weights of epochs 1, 3, 4, 5, 6, …, which toy-s0 did not keep; "
            "train it again with 'runtime.ensemble_sizes=[9]' runtime.ensemble_grid=grid_end runtime.keep=grid --fresh",
        ),
    ],
)
def test_a_run_that_kept_too_little_is_named_with_what_to_train_it_with(
    settings: Settings, subject: ToySubject, told: str
) -> None:
    with pytest.raises(UserError) as caught:
        measure(settings, subject)
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"size": 0}, "ensemble.size=0 must be a whole number of at least 1"),
        ({"size": True}, "ensemble.size=True must be a whole number"),
        ({"size": 2.0}, "ensemble.size=2.0 must be a whole number"),
        ({"grid": "grid_ends"}, "ensemble.grid=grid_ends is not known; did you mean grid_end"),
        ({"average": "softmx"}, "ensemble.average=softmx is not known; did you mean softmax"),
        ({"weights": "worst"}, "ensemble.weights=worst is not known"),
        ({"models": 6}, "ensemble.models=6: ensemble has no models"),
    ],
)
def test_settings_that_mean_nothing_are_refused(values: dict[str, object], told: str) -> None:
    with pytest.raises(UserError) as caught:
        read_settings({"name": "ensemble"} | values)
    assert str(caught.value).startswith(told)


def test_which_single_weights_a_record_selects_makes_no_other_ensemble() -> None:
    assert Settings(weights="last").identity() == Settings().identity()
    assert Settings(size=6).identity() != Settings().identity()
    assert Settings(grid="grid_mid").identity() != Settings().identity()
