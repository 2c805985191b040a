"""Online Label Smoothing, reproduced: every table and figure of *Delving Deep into Label Smoothing*."""

from __future__ import annotations

__version__ = "0.1.0"
