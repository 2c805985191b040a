"""Prototypes and labels by them: golden values, a slow reference from the definition, ties, draws, small classes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from olsrepro.methods.smp.prototypes import (
    Choice,
    class_centres,
    corrected,
    densities,
    directions,
    likeness_to_denser,
    prototypes,
    rows_by_class,
    similarities,
    threshold,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "golden_noisy.json").read_text())["smp"]
CHOICE = Choice(GOLDEN["p"], GOLDEN["s_c_quantile"], GOLDEN["eta_threshold"])
few = settings(max_examples=40, deadline=None)
choices = st.builds(
    Choice,
    count=st.integers(1, 6),
    quantile=st.sampled_from([0.0, 0.25, 0.4, 0.6, 1.0]),
    eta_threshold=st.sampled_from([-1.0, 0.51, 0.83, 0.97, 1.01]),  # no cosine of small whole numbers is one of these
    diagonal=st.booleans(),
)


def random_features(rows: int, seed: int, columns: int = 3) -> Tensor:
    """Of whole numbers, so that many cosines are equal."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 3, (rows, columns), generator=generator).double()


def slow_prototypes(features: Sequence[Sequence[float]], choice: Choice) -> list[int]:
    """Steps 1 to 4 with loops over samples."""

    def cosine(a: Sequence[float], b: Sequence[float]) -> float:
        lengths = math.hypot(*a) * math.hypot(*b)
        return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0

    rows = range(len(features))
    s = [[cosine(features[i], features[j]) for j in rows] for i in rows]
    counted = [(i, j) for i in rows for j in rows if choice.diagonal or i != j or len(features) == 1]
    entries = sorted(s[i][j] for i, j in counted)
    limit = entries[min(math.floor(choice.quantile * len(entries)), len(entries) - 1)]

    def sign(i: int, j: int) -> int:
        if abs(s[i][j] - limit) < 1e-12 or (i == j and not choice.diagonal):
            return 0
        return 1 if s[i][j] > limit else -1

    rho = [sum(sign(i, j) for j in rows) for i in rows]
    eta = []
    for i in rows:
        denser = [s[i][j] for j in rows if rho[j] > rho[i]]
        eta.append(max(denser) if denser else min(s[i]))
    by_density = sorted(rows, key=lambda i: (-rho[i], i))
    apart = [i for i in by_density if eta[i] < choice.eta_threshold]
    return [*apart, *(i for i in by_density if i not in apart)][: choice.count]


@pytest.mark.parametrize("label", ["0", "1"])
def test_golden_values_of_a_class(label: str) -> None:
    expected = GOLDEN["classes"][label]
    features = torch.tensor(expected["features"], dtype=torch.float64)
    cosines = directions(features) @ directions(features).T
    rho = densities(cosines, CHOICE)

    def assert_golden(ours: Tensor, theirs: Any) -> None:
        torch.testing.assert_close(ours, torch.tensor(theirs, dtype=torch.float64), rtol=0, atol=1e-9)

    assert_golden(cosines, expected["S"])
    assert_golden(threshold(cosines, CHOICE), expected["S_c"])
    assert_golden(rho, expected["rho"])
    assert_golden(likeness_to_denser(cosines, rho), expected["eta"])
    assert prototypes(features, CHOICE).sort().values.tolist() == expected["prototypes"]


def golden_centres() -> Tensor:
    parts = [torch.tensor(GOLDEN["classes"][label]["features"], dtype=torch.float64) for label in ("0", "1")]
    rows = torch.arange(sum(map(len, parts))).split([len(part) for part in parts])
    return class_centres(torch.cat(parts), rows, CHOICE)


def test_golden_mean_cosines_and_corrected_labels() -> None:
    queries = torch.tensor(GOLDEN["query_features"], dtype=torch.float64)
    sigma = torch.tensor(GOLDEN["sigma"], dtype=torch.float64)
    torch.testing.assert_close(similarities(queries, golden_centres()), sigma, rtol=0, atol=1e-9)
    assert corrected(queries, golden_centres()).tolist() == GOLDEN["corrected"]


@few
@given(rows=st.integers(1, 14), seed=st.integers(0, 2**31), choice=choices)
def test_prototypes_are_those_of_the_definition(rows: int, seed: int, choice: Choice) -> None:
    features = random_features(rows, seed)
    assert prototypes(features, choice).tolist() == slow_prototypes(features.tolist(), choice)


@few
@given(rows=st.integers(2, 12), seed=st.integers(0, 2**31))
def test_the_length_of_a_feature_changes_nothing(rows: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    features = torch.rand(rows, 4, dtype=torch.float64, generator=generator) + 0.01
    lengths = 2.0 ** torch.randint(-8, 8, (rows, 1), generator=generator)
    assert prototypes(features, Choice(3)).equal(prototypes(features * lengths, Choice(3)))


def test_of_equal_samples_the_lowest_indices_stand_for_the_class() -> None:
    assert prototypes(torch.ones(9, 4), Choice(3)).tolist() == [0, 1, 2]


def test_a_class_of_fewer_samples_than_prototypes_gives_them_all() -> None:
    assert sorted(prototypes(random_features(3, 0), Choice(8)).tolist()) == [0, 1, 2]
    assert prototypes(random_features(1, 0), Choice(8, diagonal=False)).tolist() == [0]


def test_samples_that_are_too_alike_fill_up_by_density() -> None:
    features = torch.tensor([[1.0, 0.0], [1.0, 0.01], [1.0, 0.02], [0.0, 1.0]])
    chosen = prototypes(features, Choice(3, quantile=0.3))
    assert chosen.tolist()[2] in {0, 1, 2}
    assert 3 in chosen.tolist()[:2], "the outlier is unlike every denser sample"


def test_sigma_is_the_mean_cosine_with_each_prototype() -> None:
    features, rows = random_features(20, 3) + 0.1, torch.arange(20).split([8, 12])
    sigma = similarities(features, class_centres(features, rows, Choice(4)))
    unit = directions(features)
    for label, part in enumerate(rows):
        chosen = part[prototypes(features[part], Choice(4))]
        torch.testing.assert_close(sigma[:, label], (unit @ unit[chosen].T).mean(1))


def test_no_sample_is_given_to_a_class_without_samples() -> None:
    features = -random_features(6, 1)
    centres = class_centres(features, torch.arange(6).split([3, 0, 3]), Choice(2))
    assert centres[1].isnan().all()
    assert not corrected(features, centres).eq(1).any()
    assert not corrected(torch.zeros(2, 3), centres).eq(1).any()


def test_features_of_a_ranks_network_are_compared_in_float64() -> None:
    features = random_features(12, 5).float()
    assert directions(features).dtype == torch.float64
    assert class_centres(features, [torch.arange(12)], Choice(2)).dtype == torch.float64


def test_every_class_has_its_rows_in_rising_order() -> None:
    targets = torch.tensor([2, 0, 2, 0, 3, 2])
    rows = rows_by_class(targets, 5, most=None, key=1, indices=torch.arange(6))
    assert [part.tolist() for part in rows] == [[1, 3], [], [0, 2, 5], [4], []]


def test_a_draw_of_a_class_depends_on_key_and_index_alone() -> None:
    indices = torch.arange(100, 300)
    targets = indices % 3

    def drawn(key: int, kept: Tensor, most: int = 7) -> list[list[int]]:
        parts = rows_by_class(targets[kept], 3, most=most, key=key, indices=indices[kept])
        return [indices[kept][part].tolist() for part in parts]

    everything = torch.arange(200)
    first = drawn(5, everything)
    assert [len(part) for part in first] == [7, 7, 7]
    assert all(part == sorted(part) and {index % 3 for index in part} == {label} for label, part in enumerate(first))
    assert drawn(6, everything) != first
    others = torch.tensor([at for at in range(200) if at % 2 or any(at + 100 in part for part in first)])
    assert drawn(5, others) == first
    assert [len(part) for part in drawn(5, everything, most=1000)] == torch.bincount(targets).tolist()
