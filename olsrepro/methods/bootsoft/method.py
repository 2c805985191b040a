"""Label method ``bootsoft``: training with its criterion alone."""

from olsrepro.methods.base import CriterionMethod as Method

__all__ = ["Method"]
