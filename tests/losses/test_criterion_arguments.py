"""Arguments of a criterion that are numbers of numpy, or no tensors at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from olsrepro.losses.registry import build_criterion


def test_numbers_of_numpy_are_numbers() -> None:
    classes: Any = np.int64(5)
    logits, target = torch.randn(4, 5), torch.tensor([0, 1, 2, 4])
    ours = build_criterion("ls", classes, eps=np.float32(0.5))(logits, target)
    assert torch.equal(ours, build_criterion("ls", 5, eps=0.5)(logits, target))


@pytest.mark.parametrize("classes", [2.5, np.float32(2.5), "5", True, None])
def test_a_number_of_classes_that_is_no_whole_number_is_refused(classes: Any) -> None:
    with pytest.raises(ValueError, match=r"num_classes=.* must be a whole number"):
        build_criterion("hard", classes)


@pytest.mark.parametrize("target", [np.array([0, 1]), [0, 1], (0, 1)], ids=["numpy", "list", "tuple"])
@pytest.mark.parametrize("name", ["hard", "disturblabel", "ols", "pairwise_confusion"])
def test_a_target_that_is_no_tensor_is_refused_by_its_type(name: str, target: Any) -> None:
    with pytest.raises(TypeError, match=f"target must be a tensor, not {type(target).__name__}"):
        build_criterion(name, 3)(torch.randn(2, 3), target)


def test_logits_that_are_no_tensor_are_refused_by_their_type() -> None:
    logits: Any = [[0.0, 1.0]]
    with pytest.raises(TypeError, match="logits must be a tensor, not list"):
        build_criterion("hard", 2)(logits, torch.tensor([0]))
