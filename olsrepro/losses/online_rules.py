"""Rules of Online Label Smoothing as data: valid values and the defaults that a variant implies. No torch here."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from olsrepro.checks import check_choice, check_range, check_weights
from olsrepro.losses.switches import given

OLS_VARIANTS = ("paper", "official_cifar", "official_finegrained")
INITIAL_LABELS = ("uniform", "zeros", "identity_over_k", "smoothed", "hard_only")
ACCUMULATE = ("correct", "all")
EMPTY_CLASS = ("uniform", "zeros", "keep")
NO_LIMIT = 2.0
"""A ``freeze_at`` that no probability reaches."""


@dataclass(frozen=True)
class OlsRules:
    """Resolved switches of Online Label Smoothing; two spellings of the same rules compare equal.

    Attributes:
        hard_weight: weight of the cross entropy with the given label.
        soft_weight: weight of the cross entropy with the class's soft label.
        initial_labels: the soft labels of the first period, one of :data:`INITIAL_LABELS`.
        accumulate: whether ``correct`` or ``all`` predictions enter the next soft labels.
        empty_class: the row of a class without a counted prediction at a period's end, one of :data:`EMPTY_CLASS`.
        freeze_at: a row whose largest entry has reached this value is no longer replaced; None freezes no row.
    """

    hard_weight: float
    soft_weight: float
    initial_labels: str
    accumulate: str
    empty_class: str
    freeze_at: float | None


@dataclass(frozen=True)
class OlsBundle:
    """Defaults that a variant of Online Label Smoothing implies; weights are numbers or follow from ``alpha``."""

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
    """Return the rules that follow from a variant and the switches given with it.

    A switch left at None takes the variant's value. ``hard_weight`` and ``soft_weight`` default to ``alpha`` and
    ``1 - alpha`` (paper Eq. 4) if the variant doesn't state them. No probability exceeds 1, so ``freeze_at`` above 1
    means "freeze no row" and cancels the limit of a variant.

    Raises:
        ValueError: a value is out of its range, or ``alpha`` is given with a variant that states both weights.
    """
    check_choice("variant", variant, OLS_VARIANTS)
    bundle = OLS_BUNDLES[variant]
    hard, soft = _ols_weights(variant, bundle, alpha)
    rules = OlsRules(
        hard_weight=given(hard_weight, hard),
        soft_weight=given(soft_weight, soft),
        initial_labels=given(initial_labels, bundle.initial_labels),
        accumulate=given(accumulate, bundle.accumulate),
        empty_class=given(empty_class, bundle.empty_class),
        freeze_at=_freeze_limit(given(freeze_at, bundle.freeze_at)),
    )
    _check_rules(rules)
    return rules


def ols_switches(variant: str, rules: OlsRules) -> dict[str, Any]:
    """Return the switches that :func:`resolve_ols` makes the same rules of, every one concrete that may be typed.

    ``alpha`` is None beside a variant that states both weights, and where they don't follow from one number.
    ``freeze_at`` is None where no row is frozen, or :data:`NO_LIMIT` if that undoes the limit of the variant.
    """
    bundle = OLS_BUNDLES[variant]
    one_number = bundle.alpha is not None and rules.soft_weight == 1.0 - rules.hard_weight
    unfrozen = None if bundle.freeze_at is None else NO_LIMIT
    return asdict(rules) | {
        "alpha": rules.hard_weight if one_number else None,
        "freeze_at": given(rules.freeze_at, unfrozen),
    }


def _ols_weights(variant: str, bundle: OlsBundle, alpha: float | None) -> tuple[float, float]:
    if bundle.hard_weight is not None and bundle.soft_weight is not None:
        if alpha is not None:
            raise ValueError(
                f"alpha={alpha} has no meaning with variant={variant}, which weighs the hard and the soft term "
                f"{bundle.hard_weight:g} and {bundle.soft_weight:g}; set hard_weight and soft_weight instead"
            )
        return bundle.hard_weight, bundle.soft_weight
    value: float = given(alpha, bundle.alpha)
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
