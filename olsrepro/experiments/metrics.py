"""Metrics of cells: names, units, which direction is better, how they are printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from olsrepro.checks import did_you_mean
from olsrepro.settings import UserError


@dataclass(frozen=True)
class Metric:
    """A kind of number that cells show.

    Attributes:
        name: as in experiment files and records.
        label: with its unit.
        better: ``lower``, ``higher``, or empty where neither is better.
        decimals: digits after the point when printed.
        words: text that replaces a value, for values that mean yes or no.
    """

    name: str
    label: str
    better: str = "lower"
    decimals: int = 2
    words: Mapping[float, str] = field(default_factory=dict)


_YES_NO = {0.0: "no", 1.0: "yes"}
_METRICS = (
    Metric("top1_err", "top-1 error (%)"),
    Metric("top5_err", "top-5 error (%)"),
    Metric("train_err", "training error against the given labels (%)", better=""),
    Metric("train_err_at_5", "training error after five epochs (%)"),
    Metric("wrong_label_err", "error on the flipped training images against their wrong labels (%)", better=""),
    Metric("ece", "expected calibration error (%)"),
    Metric("kl_to_humans", "KL(human || model) in nats", decimals=4),
    Metric("mAP", "mean average precision (%)", better="higher", decimals=1),
    Metric("animal_ratio", "mean soft label of animals over that of vehicles", better="higher"),
    Metric("intra_over_inter", "mean distance within over between classes", decimals=3),
    Metric("categories", "classes", better="", decimals=0),
    Metric("train_images", "training images", better="", decimals=0),
    Metric("test_images", "test images", better="", decimals=0),
    Metric("class_level", "label", better="", decimals=0, words={0.0: "sample-level", 1.0: "class-level"}),
    Metric("teacher", "trained teacher model", better="", decimals=0, words=_YES_NO),
    Metric("special_network", "special network architecture", better="", decimals=0, words=_YES_NO),
    Metric("forward_passes", "forward passes in one training iteration", better="", decimals=0),
)
METRICS: Mapping[str, Metric] = {item.name: item for item in _METRICS}


def metric(name: str) -> Metric:
    """Return a metric by name; for an unknown one :class:`UserError` names the nearest."""
    if name not in METRICS:
        raise UserError(f"metric {name} is not known; {did_you_mean(name, METRICS)}")
    return METRICS[name]
