"""Error of an ensemble over the epochs of one training (Table III)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from olsrepro.data.image_source import normalised_batches
from olsrepro.evaluation.classification import classify
from olsrepro.evaluation.ensemble.average import ensemble_mean
from olsrepro.evaluation.ensemble.settings import Settings
from olsrepro.evaluation.ensemble_epochs import member_epochs
from olsrepro.evaluation.subject import Result, Subject
from olsrepro.settings import UserError

_BATCH = 500


@dataclass(frozen=True)
class _Mean:
    """Mean of the members' outputs, (N, K), and the data of the run that it was made from."""

    scores: Tensor
    made_from: str


def measure(settings: Settings, subject: Subject) -> Result:
    """Measure ``top1_err`` and ``top5_err`` in percent on the whole test set; the detail names the members' epochs.

    Uses sums that the run kept over exactly these epochs, else the weights of each epoch.

    Raises:
        UserError: the run kept neither.
    """
    epochs = member_epochs(settings.grid, subject.epochs, settings.size, subject.seed)
    mean = _from_sums(settings, subject, epochs) or _from_weights(settings, subject, epochs)
    _, targets = subject.test_logits()
    found = classify(mean.scores, targets)
    return Result(
        values={"top1_err": found.top1_err, "top5_err": found.top5_err},
        samples=found.count,
        detail=_detail(settings, epochs) | {"made_from": mean.made_from},
    )


def _detail(settings: Settings, epochs: list[int]) -> dict[str, Any]:
    """Describe what was averaged; ``fewer`` only where the training has fewer epochs than models were asked for."""
    detail: dict[str, Any] = {"epochs": epochs, "models": len(epochs), "size": settings.size}
    detail |= {"grid": settings.grid, "average": settings.average}
    if len(epochs) < settings.size:
        detail["fewer"] = f"{settings.size} models asked for; the training has {len(epochs)} epochs, each taken once"
    return detail


def _from_sums(settings: Settings, subject: Subject, epochs: list[int]) -> _Mean | None:
    if settings.average != "softmax":
        return None
    for total, members in subject.probability_sums().values():
        if list(members) == epochs:
            return _Mean(total / len(epochs), "sums kept while training")
    return None


def _from_weights(settings: Settings, subject: Subject, epochs: list[int]) -> _Mean:
    missing = sorted({*epochs} - {*subject.kept_epochs()})
    if missing:
        raise UserError(_nothing_kept(settings, subject, missing))
    return _Mean(ensemble_mean(_logits(subject, epochs), settings.average), "weights of each epoch")


@torch.no_grad()
def _logits(subject: Subject, epochs: Sequence[int]) -> Iterator[Tensor]:
    """Yield the test logits (N, K) of each epoch's weights, on the CPU."""
    images = subject.images("test")
    for network in subject.epoch_networks(epochs):
        batches = normalised_batches(
            images, torch.arange(len(images)), subject.mean, subject.std, _BATCH, subject.device
        )
        yield torch.cat([network(batch).float().cpu() for batch in batches])


def _nothing_kept(settings: Settings, subject: Subject, missing: list[int]) -> str:
    """Name the run, what it has and how to train it; the sums that it has are asked for again."""
    sums = subject.probability_sums()
    sizes = ",".join(str(size) for size in sorted({*sums, settings.size}))
    overrides = f"'runtime.ensemble_sizes=[{sizes}]' runtime.ensemble_grid={settings.grid}"
    if settings.average == "softmax":
        lacks = f"{subject.name} kept {_kept(settings, sums)}"
    else:
        lacks = f"average={settings.average} needs the weights of {_shown(missing)}, which {subject.name} did not keep"
        overrides += " runtime.keep=grid"
    return f"ensemble.size={settings.size}: {lacks}; train it again with {overrides} --fresh"


def _kept(settings: Settings, sums: Mapping[int, Any]) -> str:
    if settings.size in sums:
        return f"sums over {settings.size} models, but of other epochs than {settings.grid} takes"
    sizes = ", ".join(map(str, sorted(sums)))
    return f"sums over {sizes} models only" if sizes else "no sums of test probabilities"


def _shown(epochs: list[int]) -> str:
    plural, more = "s" * (len(epochs) > 1), ", …" * (len(epochs) > 5)
    return f"epoch{plural} {', '.join(map(str, epochs[:5]))}{more}"
