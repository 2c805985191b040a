"""Evaluations of a run on photographs: the same numbers as if all of its pixels lay in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
import torch
from torch import Tensor
from toy_subject import ToySubject, toy_images, toy_network

from olsrepro.data.image_source import TensorImages
from olsrepro.evaluation.registry import measure, read_settings
from olsrepro.evaluation.settings import EvaluationSettings


@dataclass(frozen=True)
class ReadInParts(TensorImages):
    """Images of which only so many may be asked for at once; ``asked`` says how many ever were."""

    most: int = 0
    asked: list[int] = field(default_factory=list)

    def pixels(self, indices: Tensor) -> Tensor:
        assert len(indices) <= self.most
        self.asked.append(len(indices))
        return super().pixels(indices)


class FromFiles(ToySubject):
    """A toy run whose images are not all in memory."""

    most: int
    asked: list[int]

    def images(self, split: str) -> TensorImages:
        whole = super().images(split)
        return ReadInParts(whole.images, whole.targets, self.most, self.asked)


def pair(most: int) -> tuple[ToySubject, FromFiles]:
    logits = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    parts = {"train": toy_images(40, 3), "test": toy_images(40, 3, seed=1), "logits": logits}
    networks = {1: toy_network(3, seed=1), 3: toy_network(3, seed=3)}
    plain = ToySubject(networks=networks, **parts)
    lazy = FromFiles(networks=networks, **parts)
    lazy.most, lazy.asked = most, []
    return plain, lazy


SETTINGS = {
    "fgsm": ({"name": "fgsm", "batch_size": 7, "first": 30, "keep": 3}, 7),
    "fgsm of those that were right": ({"name": "fgsm", "batch_size": 7, "images": "correct"}, 7),
    "pgd": ({"name": "pgd", "batch_size": 9, "iterations": 2}, 9),
    "embedding": ({"name": "embedding", "per_class": 8, "tsne": False}, 24),
    "ensemble": ({"name": "ensemble", "size": 2, "grid": "grid_start", "average": "logits"}, 500),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_images_are_read_as_they_are_needed_and_the_numbers_are_the_same(name: str) -> None:
    values, most = SETTINGS[name]
    settings: EvaluationSettings = read_settings(values)
    plain, lazy = pair(most)
    if name == "ensemble":
        plain, lazy.networks = replace(plain, networks={1: toy_network(3), 2: toy_network(3, 2)}), {}
        lazy.networks = plain.networks
    expected, found = measure(settings, plain), measure(settings, lazy)
    assert found.values == expected.values
    assert all(torch.equal(found.tensors[key], expected.tensors[key]) for key in expected.tensors)
    assert lazy.asked
    if name == "fgsm":
        assert lazy.asked == 2 * [7, 7, 7, 7, 2], "once before the attack, once to attack; the first 30 alone"
