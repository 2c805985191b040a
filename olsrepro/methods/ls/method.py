"""The label method ``ls``: its criterion at work in training."""

from olsrepro.methods.base import ClassLabelMethod as Method

__all__ = ["Method"]
