"""Rules of Pairwise Confusion as data: valid values and the defaults that a variant implies. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

from olsrepro.checks import check_choice, check_range
from olsrepro.losses.switches import given

PAIRWISE_VARIANTS = ("authors", "repo", "original")
PAIRWISE_SPACES = ("logits", "probs")
PAIRWISE_NORMS = ("class", "pair")
PAIRWISE_PAIRS = ("all", "different")


@dataclass(frozen=True)
class PairwiseRules:
    """Resolved switches of Pairwise Confusion; two spellings of the same rules compare equal.

    Attributes:
        space: whether ``logits`` or ``probs`` are compared.
        norm: one distance per ``class``, over the batch, or per ``pair``, over the classes.
        pairs: whether ``all`` pairs count, or only those of ``different`` classes.
        lam: weight of the distance.
        start: share of the training before the distance is switched on; used by the method, not by the criterion.
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
        # abhimanyudubey/confusion: probabilities by issue 2; lam 0.1 K to 0.2 K by its README, 10 for 100 classes.
        "repo": PairwiseRules(space="probs", norm="pair", pairs="all", lam=10.0, start=0.0),
        # Dubey et al. 2018: as the repository, except for the pairs; the OLS paper's section II says so too.
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
    """Return the rules that follow from a variant of Pairwise Confusion and the switches given with it.

    A switch left at None takes the variant's value. ``start`` is rounded to four decimals, so that two thirds can be
    typed.

    Raises:
        ValueError: a value is out of its range.
    """
    check_choice("variant", variant, PAIRWISE_VARIANTS)
    bundle = PAIRWISE_BUNDLES[variant]
    rules = PairwiseRules(
        space=given(space, bundle.space),
        norm=given(norm, bundle.norm),
        pairs=given(pairs, bundle.pairs),
        lam=given(lam, bundle.lam),
        start=given(start, bundle.start),
    )
    check_choice("space", rules.space, PAIRWISE_SPACES)
    check_choice("norm", rules.norm, PAIRWISE_NORMS)
    check_choice("pairs", rules.pairs, PAIRWISE_PAIRS)
    check_range("lam", rules.lam, 0)
    check_range("start", rules.start, 0, 1)
    return replace(rules, lam=float(rules.lam), start=round(float(rules.start), 4))
