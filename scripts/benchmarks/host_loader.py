"""The host loader against torchvision's: an image folder whose transforms run image by image in as many workers."""

from __future__ import annotations

import tempfile
from collections import deque
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from olsrepro.data.dataset import Geometry, PathTable, Photographs
from olsrepro.data.photos.cache import PixelCache
from olsrepro.data.photos.colour import EIGENVALUES, EIGENVECTORS
from olsrepro.data.photos.loader import HostLoader
from olsrepro.data.settings import AugmentSettings

from .pairs import paired, row

IMAGES = 512
BATCH = 64
WORKERS = 2
GEOMETRY = Geometry(side=224, resize="square", resized_to=256)
_MEAN, _STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
_IMAGENET = AugmentSettings(padding=0, flip=True, crop="resized", colour_jitter=0.4, light_noise=0.1)
_FINE_GRAINED = AugmentSettings(padding=0, flip=True, crop="window")


class ColourJitter:
    """Brightness, contrast and saturation of one float image in random order, without clamping (CutMix's code)."""

    def __init__(self, amount: float) -> None:
        self._amount = amount

    def __call__(self, image: Tensor) -> Tensor:
        for change in torch.randperm(3).tolist():
            grey = 0.299 * image[0] + 0.587 * image[1] + 0.114 * image[2]
            other = [torch.zeros_like(image), grey.mean().expand_as(image), grey.expand_as(image)][change]
            image = image.lerp(other, torch.empty(1).uniform_(-self._amount, self._amount).item())
        return image


class Lighting:
    """Noise along the principal axes of colour, of one float image."""

    def __init__(self, deviation: float) -> None:
        self._deviation = deviation
        self._axes = torch.tensor(EIGENVECTORS) * torch.tensor(EIGENVALUES)

    def __call__(self, image: Tensor) -> Tensor:
        return image + (self._axes @ (self._deviation * torch.randn(3)))[:, None, None]


def rows(rounds: int = 7) -> list[dict[str, Any]]:
    """An epoch of 512 JPEGs of 500 x 375 in batches of 64 by two workers; ratios: how many times as fast ours is.

    ``host_loader_jpeg`` is ImageNet's training; ``host_loader_cached`` that of the fine-grained sets, from the cache.
    Both sides start their workers before they are timed. Two workers have two cores, so this process takes one thread:
    torch's, spinning while they wait for each other, would be timed instead of the loaders.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = _photographs(Path(folder))
        cache = PixelCache.of(data, Path(folder) / "pixels", crop="window", workers=WORKERS)
        return [
            _against_torchvision("host_loader_jpeg", data, _IMAGENET, None, _imagenet(), rounds, bound=1.1),
            _against_torchvision("host_loader_cached", data, _FINE_GRAINED, cache, _fine_grained(), rounds, bound=4),
        ]


def _against_torchvision(
    name: str,
    data: Photographs,
    augment: AugmentSettings,
    cache: PixelCache | None,
    transform: transforms.Compose,
    rounds: int,
    bound: float,
) -> dict[str, Any]:
    folder = ImageFolder(str(data.root), transform)
    baseline = DataLoader(folder, BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=True)
    ours = HostLoader(
        data,
        data.train_targets,
        augment=augment,
        batch_size=BATCH,
        seed=0,
        device="cpu",
        workers=WORKERS,
        cache=cache,
    )
    epochs = count()
    pairs = paired(  # the ratio is of the first to the second
        lambda: deque(baseline, maxlen=0), lambda: deque(ours.epoch(next(epochs)), maxlen=0), rounds=rounds, warmup=1
    )
    return row(name, pairs, bound=bound, better="higher")


def _imagenet() -> transforms.Compose:
    return transforms.Compose(
        [
            transforms.RandomResizedCrop(224),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            ColourJitter(0.4),
            Lighting(0.1),
            transforms.Normalize(_MEAN, _STD),
        ]
    )


def _fine_grained() -> transforms.Compose:
    return transforms.Compose(
        [
            transforms.Resize((256, 256)),
            transforms.RandomCrop(224),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(_MEAN, _STD),
        ]
    )


def _photographs(folder: Path) -> Photographs:
    """Training images of one class, and one test image; coarse noise under fine, some 80 kB each."""
    root = folder / "photographs"
    (root / "a class").mkdir(parents=True)
    paths = [f"a class/{number}.jpg" for number in range(IMAGES)]
    for number, path in enumerate(paths):
        _image(number).save(root / path, quality=90)
    return Photographs(
        root,
        PathTable(paths),
        torch.zeros(IMAGES, dtype=torch.int64),
        PathTable(paths[:1]),
        torch.zeros(1, dtype=torch.int64),
        torch.tensor(_MEAN),
        torch.tensor(_STD),
        ("a class",),
        GEOMETRY,
    )


def _image(number: int) -> Image.Image:
    draw = np.random.default_rng(number)
    coarse = Image.fromarray(draw.integers(0, 256, (47, 63, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((500, 375), Image.Resampling.BICUBIC), dtype=np.int16)
    fine = draw.integers(-12, 13, (375, 500, 3), dtype=np.int16)
    return Image.fromarray((smooth + fine).clip(0, 255).astype(np.uint8))
