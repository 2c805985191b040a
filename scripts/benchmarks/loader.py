"""The device loader against torchvision's transforms, image by image on Pillow images, both on the CPU."""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from olsrepro.data.in_memory.loader import DeviceLoader
from olsrepro.data.settings import AugmentSettings

from .pairs import paired, row

IMAGES = 10_000
BATCH = 128
_MEAN, _STD = [0.4914, 0.4824, 0.4467], [0.2471, 0.2435, 0.2616]


class PillowImages(Dataset[tuple[Tensor, int]]):
    """As ``torchvision.datasets.CIFAR100`` does it: an array becomes a Pillow image, then passes the transforms."""

    def __init__(self, images: Tensor, targets: Tensor) -> None:
        self._pixels = images.permute(0, 2, 3, 1).contiguous().numpy()
        self._targets: list[int] = targets.tolist()
        self._transform = transforms.Compose(
            [
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(_MEAN, _STD),
            ]
        )

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self._transform(Image.fromarray(self._pixels[index])), self._targets[index]


def rows(rounds: int = 7, threads: int = 1) -> list[dict[str, Any]]:
    """An epoch of 10 000 images of 32 x 32 in batches of 128; the ratio is how many times as fast the device loader is.

    One thread each by default: the transforms use no more, and threads that wait for one another on a busy machine
    measure the machine.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return [_epoch(rounds)]
    finally:
        torch.set_num_threads(before)


def _epoch(rounds: int) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (IMAGES, 3, 32, 32), dtype=torch.uint8, generator=generator)
    targets = torch.randint(100, (IMAGES,), generator=generator)
    baseline = DataLoader(PillowImages(images, targets), BATCH, shuffle=True, num_workers=0)
    ours = DeviceLoader(
        images,
        targets,
        torch.tensor(_MEAN),
        torch.tensor(_STD),
        augment=AugmentSettings(padding=4, flip=True),
        batch_size=BATCH,
        seed=0,
        device="cpu",
    )
    epochs = count()
    pairs = paired(  # the ratio is of the first to the second
        lambda: deque(baseline, maxlen=0),
        lambda: deque(ours.epoch(next(epochs)), maxlen=0),
        rounds=rounds,
        warmup=1,
    )
    return row("loader_speedup", pairs, bound=30, better="higher")
