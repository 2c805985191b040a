"""Settings of label noise (no torch here)."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import ClassVar

from olsrepro.checks import check_choice, check_range
from olsrepro.files import checksum
from olsrepro.settings import Component, UserError

NOISE_KINDS = {  # each with the keys that only it listens to
    "none": (),
    "symmetric": ("rate", "selection", "include_true", "pool", "scope"),
    "file": ("path", "key", "sha256"),
}


SELECTIONS = ("exact", "exact_per_class", "bernoulli")


POOLS = ("all", "first_10", "all_but_last")


SCOPES = ("all", "remaining")


LABEL_FILE_ENDINGS = (".pt", ".npy", ".json")


@dataclass(frozen=True)
class NoiseSettings(Component):
    """Label noise of the training set, drawn once before training (paper Sec. V-B) or read from a file.

    Args:
        kind: ``none``; ``symmetric``, drawn uniformly; or ``file``, labels that somebody else made.
        rate: share of the training labels that are drawn anew, in [0, 1].
        seed: what the flips are drawn from; None follows the seed of the run.
        selection: which labels: an ``exact`` count of all, the same share of every class (``exact_per_class``), or each
            by itself with probability ``rate`` (``bernoulli``).
        include_true: whether the true class is among those that a new label is drawn from.
        pool: the classes that a new label is drawn from: ``all``, ``first_10``, ``all_but_last``.
        scope: the samples that ``rate`` is a share of, where a method holds some out as its clean set: ``all``, before
            the held out ones get their true labels back, or the ``remaining`` ones.
        path: of the file of labels: ``.pt``, ``.npy`` or ``.json``; no part of a run id.
        key: of the labels in a file that holds several arrays.
        sha256: of that file; composing a run fills it in, or compares it where it is given.
    """

    outside_id: ClassVar[frozenset[str]] = frozenset({"path"})

    kind: str = "none"
    rate: float = 0.0
    seed: int | None = None
    selection: str = "exact"
    include_true: bool = False
    pool: str = "all"
    scope: str = "all"
    path: str | None = None
    key: str | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        check_choice("noise.kind", self.kind, NOISE_KINDS)
        check_range("noise.rate", self.rate, 0, 1)
        if self.seed is not None:
            check_range("noise.seed", self.seed, 0)
        check_choice("noise.selection", self.selection, SELECTIONS)
        check_choice("noise.pool", self.pool, POOLS)
        check_choice("noise.scope", self.scope, SCOPES)
        if self.path is not None and Path(self.path).suffix not in LABEL_FILE_ENDINGS:
            raise ValueError(f"noise.path={self.path} must end in one of {', '.join(LABEL_FILE_ENDINGS)}")
        if self.sha256 is not None and not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise ValueError(f"noise.sha256={self.sha256} must be 64 hexadecimal digits, the letters small")
        self._refuse_idle_keys()

    def _refuse_idle_keys(self) -> None:
        for item in fields(self):
            kind = next((kind for kind, keys in NOISE_KINDS.items() if item.name in keys), self.kind)
            value = getattr(self, item.name)
            if kind != self.kind and value != item.default:
                shown = str(value).lower() if isinstance(value, bool) else value
                raise ValueError(
                    f"noise.{item.name}={shown} has no effect with noise.kind={self.kind}; use noise={kind}"
                )

    def resolved(self, run_seed: int) -> NoiseSettings:
        """The same noise in the one form that a run id covers: no noise is the default, the run's own seed is None.

        A file is read for its SHA-256, which the id covers in place of the path.

        Raises:
            UserError: the file can't be read, or its sum isn't the one that is given.
        """
        if self.kind == "file":
            return self._with_sum()
        if self.kind == "none" or self.rate == 0:
            return NoiseSettings()
        return self.shortest(run_seed)

    def in_force(self, run_seed: int) -> NoiseSettings:
        """Return the noise with the seed that its labels are drawn from; None stays where none are drawn."""
        return replace(self, seed=run_seed) if self.rate and self.seed is None else self

    def shortest(self, run_seed: int) -> NoiseSettings:
        """Return the noise with None for a seed that is the run's own."""
        return replace(self, seed=None) if self.seed == run_seed else self

    def _with_sum(self) -> NoiseSettings:
        if self.path is None:  # said by check_fits: presets are compared by their groups' own values, which name none
            return replace(self, seed=None)
        path = Path(self.path).expanduser().absolute()
        try:
            found = checksum.sha256(path)
        except OSError as error:
            raise UserError(f"noise.path={self.path} can't be read: {error.strerror}; name a file of labels") from None
        self.check_sum(found)
        return replace(self, seed=None, path=str(path), sha256=found)

    def check_sum(self, found: str) -> None:
        """Refuse a file with another SHA-256 than the one that is known (:class:`UserError`)."""
        if self.sha256 not in (None, found):
            raise UserError(
                f"noise.path={self.path} is not the file of noise.sha256={self.sha256}: its SHA-256 is {found}"
            )

    def check_fits(self, num_classes: int) -> None:
        """Refuse what cannot be used on a data set of ``num_classes`` classes.

        Raises:
            UserError: a pool of one class; no file of labels is named.
        """
        if self.kind == "file" and self.path is None:
            raise UserError(
                f"noise.path=null must name the file of labels ({', '.join(LABEL_FILE_ENDINGS)}): noise.path=labels.pt"
            )
        size = self.pool_size(num_classes)
        if self.kind == "symmetric" and size < 2:
            raise UserError(
                f"noise.pool={self.pool} must have at least 2 classes to draw from; of {num_classes} it takes {size}"
            )

    def pool_size(self, num_classes: int) -> int:
        """The number of classes in the pool, which are ``0 .. pool_size - 1``."""
        sizes = {"all": num_classes, "first_10": min(10, num_classes), "all_but_last": num_classes - 1}
        return sizes[self.pool]
