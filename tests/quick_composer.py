"""Composition of runs for tests of other things: each config file is read once, which takes a hundredth of the time.

That it composes as ``compose_run`` does, tests/config/test_compose_many.py holds.
"""

from __future__ import annotations

import os
from functools import cache

from olsrepro.config.compose import Composer
from olsrepro.config.run_config import RunConfig


@cache
def _composer(folders: tuple[str | None, ...]) -> Composer:
    """A composer for tests that have these folders in the environment, which is read with the files."""
    return Composer()


def composed(*lines: str) -> RunConfig:
    """The run that lines describe."""
    return _composer((os.environ.get("OLSREPRO_RUNS"), os.environ.get("OLSREPRO_DATA"), os.getcwd())).compose(lines)
