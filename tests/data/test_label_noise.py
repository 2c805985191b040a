"""Label noise: exact counts, wrong classes alone, nested over the rates, frozen."""

from __future__ import annotations

import hashlib
import struct

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from olsrepro.data.noise.drawing import flip_count
from olsrepro.data.noise.noisy_labels import labels_sha256, noisy_targets
from olsrepro.data.noise.none.settings import Settings as NoNoise
from olsrepro.data.noise.symmetric.settings import Settings as Symmetric

TARGETS = torch.arange(50_000) % 100
FROZEN_HASH = "2d731178734fc0d6e5e6411f2086fd5a681799729e4bd21db2960e605513266b"
FROZEN_FLIPS = [
    (50_000, 100, 0.2, 0, 10_000, "6475cc65b7e9ed97a0055807a0e922fa1947ac201125fda97eba0035557a160b"),
    (50_000, 100, 0.4, 1, 20_000, "3fd3f4c7e3ee6cc39a86140ab70ce8242dfedc4f4f34dec89be01d29ab02decc"),
    (50_000, 10, 0.8, 2, 40_000, "852fd76b77f4c2fce449a01c921be6c6e076d75b8336729ce959508933c2cf2b"),
    (1437, 10, 0.33, 7, 474, "cf1e8e4f5cf60517d807122d1d8b5b5eab1a36d83f55ee0483946a5689342198"),
    (11, 2, 1.0, 3, 11, "ef749622d1fbbff3d9112c809de811c8a3497102d230f982a27681842622e313"),
]
EXACT_COUNTS = {0.0: 0, 0.2: 10_000, 0.4: 20_000, 0.6: 30_000, 0.8: 40_000}


def symmetric(rate: float, seed: int | None = None) -> Symmetric:
    return Symmetric(rate=rate, seed=seed)


@pytest.mark.parametrize(("rate", "count"), EXACT_COUNTS.items())
def test_counts_are_exact_and_labels_wrong(rate: float, count: int) -> None:
    noisy = noisy_targets(TARGETS, 100, symmetric(rate), run_seed=0)
    assert int(noisy.flipped.sum()) == count
    assert torch.equal(noisy.flipped, noisy.targets != TARGETS)
    assert noisy.rate == count / 50_000
    assert noisy.targets.dtype == torch.int64
    assert 0 <= noisy.targets.min() <= noisy.targets.max() < 100


@given(per_mille=st.integers(0, 1000), thousands=st.integers(1, 1300))
@settings(max_examples=200)
def test_count_is_the_floor_of_the_decimal(per_mille: int, thousands: int) -> None:
    count = thousands * 1000 + 1
    assert flip_count(per_mille / 1000, count) == per_mille * count // 1000


def test_wrong_class_is_the_true_one_shifted() -> None:
    true, shift = torch.tensor([0, 5, 99, 42]), torch.tensor([1, 99, 1, 58])
    assert ((true + shift) % 100).tolist() == [1, 4, 0, 0]
    every = noisy_targets(TARGETS, 100, symmetric(1.0), run_seed=0)
    shifts = (every.targets - TARGETS) % 100
    assert torch.bincount(shifts, minlength=100)[0] == 0
    assert (torch.bincount(shifts, minlength=100)[1:] - 50_000 / 99).abs().max() < 110


def test_no_noise_changes_nothing() -> None:
    for none in (NoNoise(), symmetric(0.0)):
        noisy = noisy_targets(TARGETS, 100, none, run_seed=0)
        assert torch.equal(noisy.targets, TARGETS)
        assert not noisy.flipped.any()
        assert noisy.rate == 0


def test_two_classes_and_rate_one_swap_all() -> None:
    noisy = noisy_targets(torch.tensor([0, 1, 1]), 2, symmetric(1.0), run_seed=9)
    assert noisy.targets.tolist() == [1, 0, 0]


def test_flips_are_nested_over_the_rates() -> None:
    lower, higher = (noisy_targets(TARGETS, 100, symmetric(rate), run_seed=4) for rate in (0.2, 0.8))
    assert not (lower.flipped & ~higher.flipped).any()
    assert torch.equal(lower.targets[lower.flipped], higher.targets[lower.flipped])


def test_wrong_class_depends_on_seed_and_index_alone() -> None:
    whole = noisy_targets(TARGETS, 100, symmetric(1.0), run_seed=1)
    part = noisy_targets(TARGETS[:700], 100, symmetric(1.0), run_seed=1)
    assert torch.equal(part.targets, whole.targets[:700])


def test_seed_follows_the_run_unless_it_is_given() -> None:
    of_run = [noisy_targets(TARGETS, 100, symmetric(0.4), run_seed=seed).sha256 for seed in (0, 1)]
    fixed = {noisy_targets(TARGETS, 100, symmetric(0.4, seed=0), run_seed=seed).sha256 for seed in (0, 1)}
    assert of_run[0] != of_run[1]
    assert fixed == {of_run[0]}


def test_hash_is_over_little_endian_int64() -> None:
    assert labels_sha256(torch.tensor([1, 99])) == hashlib.sha256(struct.pack("<2q", 1, 99)).hexdigest()


def test_frozen() -> None:
    noisy = noisy_targets(TARGETS, 100, symmetric(0.4), run_seed=0)
    assert noisy.sha256 == labels_sha256(noisy.targets) == FROZEN_HASH


@pytest.mark.parametrize(("count", "classes", "rate", "seed", "flipped", "sha256"), FROZEN_FLIPS)
def test_the_flips_of_the_first_release_stay(
    count: int, classes: int, rate: float, seed: int, flipped: int, sha256: str
) -> None:
    true = torch.arange(count) * 7919 % classes
    noisy = noisy_targets(true, classes, symmetric(rate), run_seed=seed)
    assert (int(noisy.flipped.sum()), noisy.sha256) == (flipped, sha256)


def test_the_flips_of_twelve_labels_stay() -> None:
    noisy = noisy_targets(torch.arange(12) % 5, 5, symmetric(0.5), run_seed=0)
    assert noisy.targets.tolist() == [0, 2, 0, 3, 1, 0, 2, 2, 4, 4, 4, 1]


@pytest.mark.parametrize(("rate", "classes", "warns"), [(0.8, 100, False), (0.9, 10, False), (0.91, 10, True)])
def test_a_rate_that_buries_the_true_class_warns(rate: float, classes: int, warns: bool) -> None:
    warning = noisy_targets(TARGETS % classes, classes, symmetric(rate), run_seed=0).warning
    assert (warning is not None) == warns
    assert warning is None or "no longer the most frequent" in warning
