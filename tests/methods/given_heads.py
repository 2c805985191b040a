"""Methods with side heads, fed the golden file's logits in place of a network's."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from olsrepro.data.batch import Batch
from olsrepro.methods.base import LabelMethod, MethodContext
from olsrepro.methods.registry import build_method, settings_class
from olsrepro.models.backbone import Backbone
from olsrepro.models.cifar_resnet.settings import Settings as CifarResNet
from olsrepro.models.registry import build_backbone
from olsrepro.models.thin_resnet.settings import Settings as ThinResNet
from olsrepro.randomness import stream

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "golden_methods.json").read_text())
K = 4


class GivenHeads(nn.Module):
    """A network that returns the logits it was made with."""

    def __init__(self, logits: list[Tensor]) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, images: Tensor) -> list[Tensor]:
        return list(self.logits)


def cases(method: str) -> dict[str, Any]:
    found = [case for case in GOLDEN["cases"] if case["method"] == method]
    return {"argvalues": found, "ids": [case["id"] for case in found]}


def given(inputs: str, dtype: torch.dtype = torch.float64) -> tuple[list[Tensor], Batch]:
    """Logits of the inputs ``main + side1 + ...`` as leaves, and a batch with the targets of the first."""
    names = inputs.split(" + ")
    logits = [torch.tensor(GOLDEN["inputs"][name]["logits"], dtype=dtype, requires_grad=True) for name in names]
    return logits, batch_of(torch.tensor(GOLDEN["inputs"][names[0]]["target"]))


def batch_of(target: Tensor, images: Tensor | None = None) -> Batch:
    return Batch(torch.zeros(len(target), 3, 8, 8) if images is None else images, target, torch.arange(len(target)), 0)


def assert_golden(actual: Tensor | None, expected: Any, precision: str) -> None:
    """As near as the golden file says; no gradient at all counts as zeros."""
    wanted = torch.tensor(expected, dtype=torch.float64)
    found = torch.zeros_like(wanted) if actual is None else actual.detach().double()
    assert ((found - wanted).abs() / wanted.abs().clamp(min=1)).max() <= GOLDEN["tolerance"][precision]


@cache
def _backbone_settings(sides: int) -> Any:
    return {2: ThinResNet(depth=11, width=0.25), 3: CifarResNet(depth=18, width=1 / 32)}[sides]


def network_and_method(
    name: str, sides: int = 2, seed: int = 0, size: int = 8, **switches: Any
) -> tuple[Backbone, LabelMethod]:
    """As a run of the seed draws them: the trunk, then the method."""
    with stream(seed, "init"):
        backbone = build_backbone(_backbone_settings(sides), K)
        context = MethodContext(K, seed, image_size=size, backbone=backbone)
        return backbone, build_method(settings_class(name)(**switches), context).train()
