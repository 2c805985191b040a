"""Addressed draws: values frozen for ever, against SplitMix64 written out with Python's integers."""

from __future__ import annotations

import hashlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from olsrepro.randomness import address, integers, permutation, random_bits, stream, uniform

MASK = 2**64 - 1
FROZEN_KEY = -5638271388843865130
FROZEN_BITS = [1261020416454528340, -743865219325759296, -5824660496189346982]
FROZEN_INTEGERS = [0, 8, 6, 4, 5, 6, 3, 5]
FROZEN_ORDER = [4, 7, 2, 5, 1, 0, 6, 3]


def splitmix64(key: int, index: int) -> int:
    """The finaliser of Steele, Lea and Flood (2014) on unsigned 64-bit integers."""
    z = (key + index * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def test_frozen_values() -> None:
    key = address(0, "flip", 3)
    assert key == FROZEN_KEY
    assert random_bits(key, torch.arange(3)).tolist() == FROZEN_BITS
    assert integers(key, torch.arange(8), 0, 9).tolist() == FROZEN_INTEGERS
    assert permutation(key, 8).tolist() == FROZEN_ORDER


def test_key_is_a_hash_of_the_address() -> None:
    expected = hashlib.blake2b(b"7/crop_y/12", digest_size=8).digest()
    assert address(7, "crop_y", 12) == int.from_bytes(expected, "little", signed=True)


@given(seed=st.integers(0, 2**40), epoch=st.integers(0, 1000), index=st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_bits_are_splitmix64(seed: int, epoch: int, index: int) -> None:
    key = address(seed, "order", epoch)
    bits = splitmix64(key & MASK, index)
    at = torch.tensor([index])
    assert random_bits(key, at).item() & MASK == bits
    assert uniform(key, at).item() == (bits >> 11) * 2.0**-53
    assert integers(key, at, -3, 6).item() == -3 + (((bits >> 32) * 9) >> 32)


def test_draw_does_not_depend_on_its_neighbours() -> None:
    key = address(1, "flip", 0)
    every = random_bits(key, torch.arange(100))
    some = torch.tensor([[3, 99], [0, 3]])
    assert torch.equal(random_bits(key, some), every[some])


def test_uniform() -> None:
    numbers = uniform(address(2, "uniform"), torch.arange(200_000))
    assert numbers.dtype == torch.float64
    assert 0 <= numbers.min() < 1e-4
    assert 1 - 1e-4 < numbers.max() < 1
    counts = torch.histc(numbers, 100, 0, 1)
    assert ((counts - 2000) ** 2 / 2000).sum() < 160  # chi-squared, 99 degrees of freedom: 4 sd above the mean


@pytest.mark.parametrize(("low", "high"), [(0, 9), (1, 100), (-4, 5), (0, 1)])
def test_integers_are_uniform_in_their_range(low: int, high: int) -> None:
    numbers = integers(address(3, "integers"), torch.arange(100_000), low, high)
    counts = torch.bincount(numbers - low, minlength=high - low).double()
    expected = 100_000 / (high - low)
    assert numbers.min() >= low
    assert counts.numel() == high - low
    assert ((counts - expected) ** 2 / expected).sum() < (high - low) + 6 * (high - low) ** 0.5


@pytest.mark.parametrize("other", [address(0, "crop_x", 0), address(1, "crop_y", 0), address(0, "crop_y", 1)])
def test_other_purposes_seeds_and_epochs_are_independent(other: int) -> None:
    samples = torch.arange(100_000)
    pairs = torch.stack([uniform(address(0, "crop_y", 0), samples), uniform(other, samples)])
    assert abs(torch.corrcoef(pairs)[0, 1]) < 0.015


@given(count=st.integers(1, 300), seed=st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_permutation_is_one(count: int, seed: int) -> None:
    assert permutation(address(seed, "order", 0), count).sort().values.tolist() == list(range(count))


def test_permutations_put_each_sample_anywhere() -> None:
    first = torch.tensor([permutation(address(0, "order", epoch), 5)[0] for epoch in range(2000)])
    assert (torch.bincount(first, minlength=5) - 400).abs().max() < 75


def test_stream_leaves_the_generator_where_it_was() -> None:
    before = torch.get_rng_state()
    with stream(0, "init"):
        once = torch.rand(3)
    with stream(0, "init"):
        again = torch.rand(3)
    assert torch.equal(once, again)
    assert torch.equal(torch.get_rng_state(), before)
