"""Embedding of penultimate features: tightness of the classes, and their picture (Figure 3)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from torch.nn import functional as F

from olsrepro.evaluation.embedding.features import first_of_each_class, penultimate_features
from olsrepro.evaluation.embedding.projection import possible_perplexity, t_sne
from olsrepro.evaluation.embedding.settings import Settings
from olsrepro.evaluation.embedding.tightness import tightness
from olsrepro.evaluation.subject import Result, Subject
from olsrepro.settings import UserError


def measure(settings: Settings, subject: Subject) -> Result:
    """Measure the tightness of features at unit length, and embed the features as they are.

    Tensors are ``points`` float32 (N, 2), if t-SNE is asked for, and ``labels`` int64 (N,); a picture's distances can't
    be compared with another's, which is why the numbers are taken in feature space.

    Raises:
        UserError: the features or the images of the split leave nothing to measure.
    """
    images = subject.images(settings.split)
    chosen = first_of_each_class(images.targets, settings.per_class)
    labels = images.targets[chosen]
    features = penultimate_features(subject.network(), images, chosen, subject.mean, subject.std, subject.device)
    perplexity = possible_perplexity(settings.perplexity, len(labels))
    with _told(settings, subject):
        values = asdict(tightness(F.normalize(features.double()), labels))
        points = t_sne(features, perplexity) if settings.tsne else None
    detail: dict[str, Any] = {"class_names": list(subject.class_names), "split": settings.split}
    tensors = {"labels": labels}
    if points is not None:
        tensors["points"] = points
        detail |= _picture(settings.perplexity, perplexity, len(labels))
    return Result(values=values, samples=len(labels), detail=detail, tensors=tensors)


@contextmanager
def _told(settings: Settings, subject: Subject) -> Iterator[None]:
    """Tell of features without distances in one line."""
    try:
        yield
    except ValueError as error:
        raise UserError(
            f"embedding of the {settings.split} images of {subject.name} can't be measured: {error}; "
            "look at the run's training error, or measure its other weights (weights=best, weights=last)"
        ) from None


def _picture(wanted: float, used: float, points: int) -> dict[str, Any]:
    """Describe the perplexity used, with a note where it is not the one asked for."""
    if used == wanted:
        return {"perplexity": used}
    return {"perplexity": used, "note": f"perplexity {used:g} instead of {wanted:g}: there are {points} points"}
