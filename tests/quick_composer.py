"""Composition of runs for tests of other things: each config file is read once, which takes a hundredth of the time.

That it composes as ``compose_run`` does, tests/config/test_compose_many.py holds.
"""

from __future__ import annotations

from functools import cache

from olsrepro.config.compose import Composer
from olsrepro.config.run_config import RunConfig


@cache
def _composer() -> Composer:
    return Composer()


def composed(*lines: str) -> RunConfig:
    """The run that lines describe."""
    return _composer().compose(lines)
