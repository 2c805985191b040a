"""Phases of training, from the drops of the learning rate (no torch here)."""

from __future__ import annotations

from dataclasses import dataclass

_OF = 300  # epochs of the run that the lengths refer to
_GUIDED = 5
_TEMPERATURE = 89
_COLDEST = 0.001


@dataclass(frozen=True)
class Phases:
    """Phases of a run, in 0-based epochs.

    Attributes:
        start: the first epoch after the warm-up.
        bootstrap: the first epoch with bootstrapped labels; later than ``start`` if guided mixup comes between.
        temperature_epochs: number of epochs in which soft guesses become hard ones.
    """

    start: int
    bootstrap: int
    temperature_epochs: int = 1

    def temperature(self, epoch: int) -> float:
        """Return the temperature of the guesses: falling linearly from 1 to 0.001, then constant."""
        passed = (epoch - self.bootstrap) / max(1, self.temperature_epochs - 1)
        return 1 - (1 - _COLDEST) * min(1.0, passed)


def static_phases(epochs: int, drop: int, wait: int, start: int | None = None) -> Phases:
    """Return phases without guided mixup.

    ``start`` None: ``wait`` epochs of 300 after the drop, at the latest the last epoch.
    """
    first = _after(drop, wait, epochs, last=epochs - 1) if start is None else start
    return Phases(first, first)


def guided_phases(
    epochs: int,
    drop: int,
    wait: int,
    start: int | None = None,
    bootstrap: int | None = None,
    temperature: int | None = None,
) -> Phases:
    """Return phases with guided mixup for 5 epochs of 300, then bootstrapping while the temperature falls for 89.

    ``start`` None: as in :func:`static_phases`, but at the latest the last epoch but one.
    """
    first = _after(drop, wait, epochs, last=epochs - 2) if start is None else start
    second = _after(first, _GUIDED, epochs, last=epochs - 1) if bootstrap is None else bootstrap
    return Phases(first, second, stretched(_TEMPERATURE, epochs) if temperature is None else temperature)


def stretched(count: int, epochs: int) -> int:
    """Scale ``count`` of 300 epochs to a run of ``epochs``: the nearest number, but at least 1."""
    return max(1, (2 * count * epochs + _OF) // (2 * _OF))


def _after(epoch: int, count: int, epochs: int, last: int) -> int:
    return max(1, min(epoch + stretched(count, epochs), last))
