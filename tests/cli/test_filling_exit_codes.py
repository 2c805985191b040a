"""Which exit code a command has for what came of filling its tables."""

from __future__ import annotations

import pytest

from olsrepro.cli import exit_codes
from olsrepro.cli.filling import _code
from olsrepro.launchers.base import Launched
from olsrepro.launchers.fill import Filling

LINE = ("why",)


@pytest.mark.parametrize(
    ("filling", "code"),
    [
        (Filling(), exit_codes.DONE),
        (Filling(declined=True), exit_codes.DONE),
        (Filling(Launched(trained=3)), exit_codes.DONE),
        (Filling(Launched(failed=LINE, held=LINE), LINE), exit_codes.RUN_FAILED),
        (Filling(Launched(held=LINE), LINE), exit_codes.HELD),
        (Filling(unmeasured=LINE), exit_codes.RUN_FAILED),
        (Filling(Launched(failed=LINE, interrupted="stopped")), exit_codes.INTERRUPTED),
    ],
)
def test_a_stop_comes_before_a_failure_and_a_failure_before_a_held_run(filling: Filling, code: int) -> None:
    assert _code(filling) == code
