"""Label method ``ls``: training with its criterion alone."""

from olsrepro.methods.base import ClassLabelMethod as Method

__all__ = ["Method"]
