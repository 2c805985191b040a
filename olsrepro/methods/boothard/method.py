"""The label method ``boothard``: its criterion at work in training."""

from olsrepro.methods.base import CriterionMethod as Method

__all__ = ["Method"]
