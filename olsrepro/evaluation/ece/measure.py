"""Calibration of a run's confidence (Table XI)."""

from __future__ import annotations

from olsrepro.evaluation.ece.reliability import reliability_of
from olsrepro.evaluation.ece.settings import Settings
from olsrepro.evaluation.subject import Result, Subject


def measure(settings: Settings, subject: Subject) -> Result:
    """Measure ``ece`` and ``signed_gap`` in percent on the whole test set; the detail is for a reliability diagram."""
    logits, targets = subject.test_logits()
    found = reliability_of(logits, targets, settings.bins)
    return Result(
        values={"ece": found.ece, "signed_gap": found.signed_gap},
        samples=len(targets),
        detail={"bins": settings.bins, "diagram": found.diagram()},
    )
