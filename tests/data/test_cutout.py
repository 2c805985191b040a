"""CutOut's masks: golden ones, and the share that they hide."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from olsrepro.data.pixels import cut_out_

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/golden_methods.json").read_text())
EXPECTED = next(case for case in GOLDEN["cases"] if case["id"] == "cutout/masks")["expected"]


@pytest.mark.parametrize("case", EXPECTED["masks"], ids=lambda case: f"{case['length']}-at-{case['centre']}")
def test_masks_are_the_golden_ones(case: dict[str, Any]) -> None:
    (cy, cx), ones = case["centre"], torch.ones(2, 3, case["H"], case["W"])
    masked = cut_out_(ones, torch.tensor([cy, cy]), torch.tensor([cx, cx]), case["length"])
    assert torch.equal(masked, torch.tensor(case["mask"]).float().expand(2, 3, -1, -1))
    assert int((masked[0, 0] == 0).sum()) == case["zeros"]


@pytest.mark.parametrize(("size", "length"), [(32, 16), (32, 8), (224, 112)])
def test_mean_hidden_share(size: int, length: int) -> None:
    centre_y = torch.arange(size)
    one_column = cut_out_(torch.ones(size, 1, size, 1), centre_y, torch.zeros_like(centre_y), length)
    hidden_rows = 1 - one_column.double().mean().item()
    assert hidden_rows**2 == pytest.approx(EXPECTED["mean_hidden_fraction"][f"{size}px/{length}"], abs=1e-9)


def test_each_image_has_its_own_hole() -> None:
    images = torch.ones(2, 1, 8, 8)
    cut_out_(images, torch.tensor([0, 7]), torch.tensor([0, 7]), 4)
    assert images[0, 0, 0, 0] == 0
    assert images[0, 0, 7, 7] == 1
    assert images[1, 0, 7, 7] == 0
    assert images[1, 0, 0, 0] == 1
