"""The switches of the criteria as data: valid values, defaults that a bundle implies, checks. No torch here."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

SPREADS = ("all", "others")
SCE_VARIANTS = ("authors", "original", "logits")
REDUCTIONS = ("mean", "batchmean")
OLS_VARIANTS = ("paper", "official_cifar", "official_finegrained")
INITIAL_LABELS = ("uniform", "zeros", "identity_over_k", "smoothed", "hard_only")
ACCUMULATE = ("correct", "all")
EMPTY_CLASS = ("uniform", "zeros", "keep")
PAIRWISE_VARIANTS = ("authors", "repo", "original")
PAIRWISE_SPACES = ("logits", "probs")
PAIRWISE_NORMS = ("class", "pair")
PAIRWISE_PAIRS = ("all", "different")


def suggest(name: object, choices: Iterable[str]) -> str:
    """A clause for an error message: the valid names nearest to ``name``, or all of them where none comes near."""
    known = tuple(choices)
    close = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"valid: {', '.join(known)}"


def check_choice(key: str, value: str, choices: Iterable[str]) -> None:
    """Refuse a value that is none of ``choices``.

    Raises:
        ValueError: naming the key, the value and the nearest valid choices.
    """
    known = tuple(choices)
    if value not in known:
        raise ValueError(f"{key}={value} is not known; {suggest(value, known)}")


def check_range(key: str, value: float, low: float, high: float = float("inf")) -> None:
    """Refuse what is no number of the closed interval [low, high].

    Raises:
        ValueError: naming the key, the value and the interval.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{key}={value} must be a number")
    if not low <= value <= high:
        bounds = f"at least {low:g}" if high == float("inf") else f"in [{low:g}, {high:g}]"
        raise ValueError(f"{key}={value:g} must be {bounds}")


def check_weights(**weights: float) -> None:
    """Refuse weights of a loss that are all 0: it would have no term.

    Raises:
        ValueError: naming the weights.
    """
    if not any(weights.values()):
        raise ValueError(f"{' and '.join(weights)} are both 0: the loss has no term left")


@dataclass(frozen=True)
class OlsRules:
    """What Online Label Smoothing does, every switch concrete; two spellings of the same rules compare equal.

    Attributes:
        hard_weight: weight of the cross entropy with the given label.
        soft_weight: weight of the cross entropy with the class's soft label.
        initial_labels: the soft labels of the first period, one of :data:`INITIAL_LABELS`.
        accumulate: whether ``correct`` or ``all`` predictions enter the next soft labels.
        empty_class: what a class that nothing was counted for gets at a period's end, one of :data:`EMPTY_CLASS`.
        freeze_at: a row whose largest entry has reached this value isn't replaced any more; None freezes no row.
    """

    hard_weight: float
    soft_weight: float
    initial_labels: str
    accumulate: str
    empty_class: str
    freeze_at: float | None


@dataclass(frozen=True)
class OlsBundle:
    """What a variant of Online Label Smoothing implies; weights are numbers or follow from ``alpha``."""

    alpha: float | None = 0.5
    hard_weight: float | None = None
    soft_weight: float | None = None
    initial_labels: str = "uniform"
    accumulate: str = "correct"
    empty_class: str = "uniform"
    freeze_at: float | None = None


OLS_BUNDLES = MappingProxyType(
    {
        # Paper III-B and V-E. For a class without a correct prediction Eq. 6 is 0/0: uniform in the authors' code.
        "paper": OlsBundle(),
        # Authors' code, cifar/scripts/train_cifar_all_methods.py: the matrix starts at 0; alpha is parsed and ignored.
        "official_cifar": OlsBundle(alpha=None, hard_weight=0.5, soft_weight=0.5, initial_labels="zeros"),
        # Authors' code, fine-grained/solver.py.
        "official_finegrained": OlsBundle(alpha=None, hard_weight=1.0, soft_weight=1.0, freeze_at=0.88),
    }
)


def resolve_ols(
    variant: str = "paper",
    alpha: float | None = None,
    hard_weight: float | None = None,
    soft_weight: float | None = None,
    initial_labels: str | None = None,
    accumulate: str | None = None,
    empty_class: str | None = None,
    freeze_at: float | None = None,
) -> OlsRules:
    """The concrete rules that a variant and the switches set beside it come to.

    A switch left at None takes the variant's value. ``hard_weight`` and ``soft_weight`` default to ``alpha`` and
    ``1 - alpha`` (paper Eq. 4) where the variant doesn't state them. No probability exceeds 1, so that ``freeze_at``
    above 1 stands for "freeze no row" and undoes the limit of a variant.

    Raises:
        ValueError: a value out of its range, or ``alpha`` beside a variant that states both weights as numbers.
    """
    check_choice("variant", variant, OLS_VARIANTS)
    bundle = OLS_BUNDLES[variant]
    hard, soft = _ols_weights(variant, bundle, alpha)
    rules = OlsRules(
        hard_weight=_given(hard_weight, hard),
        soft_weight=_given(soft_weight, soft),
        initial_labels=_given(initial_labels, bundle.initial_labels),
        accumulate=_given(accumulate, bundle.accumulate),
        empty_class=_given(empty_class, bundle.empty_class),
        freeze_at=_freeze_limit(_given(freeze_at, bundle.freeze_at)),
    )
    _check_rules(rules)
    return rules


def _given(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def _ols_weights(variant: str, bundle: OlsBundle, alpha: float | None) -> tuple[float, float]:
    if bundle.hard_weight is not None and bundle.soft_weight is not None:
        if alpha is not None:
            raise ValueError(
                f"alpha={alpha} has no meaning with variant={variant}, which weighs the hard and the soft term "
                f"{bundle.hard_weight:g} and {bundle.soft_weight:g}; set hard_weight and soft_weight instead"
            )
        return bundle.hard_weight, bundle.soft_weight
    value: float = _given(alpha, bundle.alpha)
    check_range("alpha", value, 0, 1)
    return float(value), 1.0 - value


def _freeze_limit(freeze_at: float | None) -> float | None:
    if freeze_at is None:
        return None
    check_range("freeze_at", freeze_at, 0)
    return freeze_at if freeze_at <= 1 else None


def _check_rules(rules: OlsRules) -> None:
    check_range("hard_weight", rules.hard_weight, 0)
    check_range("soft_weight", rules.soft_weight, 0)
    check_weights(hard_weight=rules.hard_weight, soft_weight=rules.soft_weight)
    check_choice("initial_labels", rules.initial_labels, INITIAL_LABELS)
    check_choice("accumulate", rules.accumulate, ACCUMULATE)
    check_choice("empty_class", rules.empty_class, EMPTY_CLASS)


@dataclass(frozen=True)
class PairwiseRules:
    """What Pairwise Confusion does, every switch concrete; two spellings of the same rules compare equal.

    Attributes:
        space: whether ``logits`` or ``probs`` are compared.
        norm: one distance a ``class``, over the batch, or a ``pair``, over the classes.
        pairs: whether ``all`` pairs count, or only those of ``different`` classes.
        lam: weight of the distance.
        start: share of the training before the distance is switched on; for whoever trains, the criterion has none.
    """

    space: str
    norm: str
    pairs: str
    lam: float
    start: float


PAIRWISE_BUNDLES = MappingProxyType(
    {
        # Authors' code, cifar/scripts/loss_all_methods.py and train_cifar_all_methods.py: from epoch 200 of 300.
        "authors": PairwiseRules(space="logits", norm="class", pairs="all", lam=10.0, start=2 / 3),
        # abhimanyudubey/confusion: probabilities by thread 2; lam 0.1 K to 0.2 K by its README, 10 for 100 classes.
        "repo": PairwiseRules(space="probs", norm="pair", pairs="all", lam=10.0, start=0.0),
        # Dubey et al. 2018: as the repository, but for the pairs; the OLS paper's section II says so too.
        "original": PairwiseRules(space="probs", norm="pair", pairs="different", lam=10.0, start=0.0),
    }
)


def resolve_pairwise(
    variant: str = "authors",
    space: str | None = None,
    norm: str | None = None,
    pairs: str | None = None,
    lam: float | None = None,
    start: float | None = None,
) -> PairwiseRules:
    """The concrete rules that a variant of Pairwise Confusion and the switches set beside it come to.

    A switch left at None takes the variant's value. ``start`` is taken to four decimals, so that two thirds can be
    typed.

    Raises:
        ValueError: a value out of its range.
    """
    check_choice("variant", variant, PAIRWISE_VARIANTS)
    bundle = PAIRWISE_BUNDLES[variant]
    rules = PairwiseRules(
        space=_given(space, bundle.space),
        norm=_given(norm, bundle.norm),
        pairs=_given(pairs, bundle.pairs),
        lam=_given(lam, bundle.lam),
        start=_given(start, bundle.start),
    )
    check_choice("space", rules.space, PAIRWISE_SPACES)
    check_choice("norm", rules.norm, PAIRWISE_NORMS)
    check_choice("pairs", rules.pairs, PAIRWISE_PAIRS)
    check_range("lam", rules.lam, 0)
    check_range("start", rules.start, 0, 1)
    return replace(rules, lam=float(rules.lam), start=round(float(rules.start), 4))
