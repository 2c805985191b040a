"""Settings common to noise that is drawn: how many labels, which, and from what seed (no torch here)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from olsrepro.checks import check_choice, check_range
from olsrepro.data.noise.none.settings import Settings as NoNoise
from olsrepro.data.noise.settings import NoiseSettings
from olsrepro.data.settings import DatasetSettings
from olsrepro.settings import UserError

SELECTIONS = ("exact", "exact_per_class", "bernoulli")
SCOPES = ("all", "remaining")


@dataclass(frozen=True)
class DrawnSettings(NoiseSettings):
    """A share of the training labels, drawn anew once before training (paper Sec. V-B).

    Args:
        rate: share of the training labels that are drawn anew, in [0, 1].
        seed: what they are drawn from; None follows the seed of the run.
        selection: which labels: an ``exact`` count of all, the same share of every class (``exact_per_class``), or each
            by itself with probability ``rate`` (``bernoulli``).
        scope: the samples that ``rate`` is a share of, where a method holds some out as its clean set: ``all``, before
            the held out ones get their true labels back, or the ``remaining`` ones.
    """

    rate: float = 0.0
    seed: int | None = None
    selection: str = "exact"
    scope: str = "all"

    def __post_init__(self) -> None:
        check_range("noise.rate", self.rate, 0, 1)
        if self.seed is not None:
            check_range("noise.seed", self.seed, 0)
        check_choice("noise.selection", self.selection, SELECTIONS)
        check_choice("noise.scope", self.scope, SCOPES)

    def resolved(self, run_seed: int) -> NoiseSettings:
        """Return no noise at a rate of 0, and None for a seed that is the run's own."""
        if self.rate == 0:
            return NoNoise()
        return self.shortest(run_seed)

    def in_force(self, run_seed: int) -> NoiseSettings:
        """Return the noise with the seed that its labels are drawn from."""
        return replace(self, seed=self.seed_in(run_seed))

    def shortest(self, run_seed: int) -> NoiseSettings:
        """Return the noise with None for a seed that is the run's own."""
        return replace(self, seed=None if self.seed == run_seed else self.seed)

    def seed_in(self, run_seed: int) -> int:
        """Return the seed that labels are drawn from in a run of that seed."""
        return run_seed if self.seed is None else self.seed

    def check_fits(self, dataset: DatasetSettings, method: str, *, has_clean_set: bool) -> None:
        """Refuse what every kind does, and a scope without a clean set where the method keeps none."""
        super().check_fits(dataset, method, has_clean_set=has_clean_set)
        if self.scope == "remaining" and not has_clean_set:
            raise UserError(
                f"noise.scope=remaining leaves out a clean set, but method={method} has none: set noise.scope=all, or"
                " choose l2rw or mw_net"
            )
