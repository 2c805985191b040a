"""Launchers: where the runs that experiments want are executed.

``fill_table`` loads on first use; torch, once there is something to train or to measure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from olsrepro.launchers.table import fill_table

__all__ = ["fill_table"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from olsrepro.launchers.table import fill_table

    return fill_table
