"""The label method ``sce``: its criterion at work in training."""

from olsrepro.methods.base import CriterionMethod as Method

__all__ = ["Method"]
