"""Addressed randomness: a draw is a function of (seed, purpose, place, sample index), not of what was drawn before.

No generator advances, so resuming, workers and ranks change no draw, and the CPU and a GPU draw the same: everything is
64-bit integer arithmetic (the SplitMix64 finaliser, Steele et al., OOPSLA 2014) up to a final exact conversion.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

_GOLDEN = -0x61C8864680B583EB  # 0x9E3779B97F4A7C15 as a signed 64-bit number
_MIX_1 = -0x40A7B892E31B1A47  # 0xBF58476D1CE4E5B9
_MIX_2 = -0x6B2FB644ECCEEE15  # 0x94D049BB133111EB


def address(seed: int, purpose: str, *place: int) -> int:
    """Return the signed 64-bit key of a purpose at a place (an epoch, a view); equal arguments give equal keys."""
    text = f"{seed}/{purpose}/{'/'.join(map(str, place))}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little", signed=True)


def _logical_shift(bits: Tensor, count: int) -> Tensor:
    return (bits >> count) & ((1 << (64 - count)) - 1)


def random_bits(key: int, indices: Tensor) -> Tensor:
    """Draw 64 random bits for each index: int64 of the shape of ``indices`` (int64, any device)."""
    bits = indices * _GOLDEN + key
    bits = (bits ^ _logical_shift(bits, 30)) * _MIX_1
    bits = (bits ^ _logical_shift(bits, 27)) * _MIX_2
    return bits ^ _logical_shift(bits, 31)


def uniform(key: int, indices: Tensor) -> Tensor:
    """Draw a uniform float64 number in [0, 1) for each index, from 53 random bits each."""
    return _logical_shift(random_bits(key, indices), 11).double() * 2.0**-53


def integers(key: int, indices: Tensor, low: int, high: int | Tensor) -> Tensor:
    """Draw a uniform int64 number in ``low .. high - 1`` for each index (``high - low`` below 2**31).

    ``high`` is a number or, if it differs between indices, an int64 tensor of their shape.
    """
    return low + ((_logical_shift(random_bits(key, indices), 32) * (high - low)) >> 32)


def permutation(key: int, count: int, device: torch.device | str = "cpu") -> Tensor:
    """Draw a random order of ``0 .. count - 1`` (int64): the indices sorted by their random bits."""
    return torch.argsort(random_bits(key, torch.arange(count, device=device)), stable=True)


@contextmanager
def stream(seed: int, purpose: str, *place: int) -> Iterator[None]:
    """Seed torch's CPU generator with this address inside the block and restore it afterwards (for initial weights)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(address(seed, purpose, *place))
        yield
