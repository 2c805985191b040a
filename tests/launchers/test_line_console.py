"""A console of which somebody is told each line."""

from __future__ import annotations

import pytest

from olsrepro.launchers.line_console import line_console


def test_a_line_is_said_once_it_is_whole() -> None:
    told: list[str] = []
    console = line_console(told.append)
    console.print("[1/2] ", end="", markup=False)
    assert told == []
    console.print("a run", markup=False)
    console.print("x" * 500, markup=False)
    assert told == ["[1/2] a run", "x" * 500]


def test_it_is_no_terminal_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    told: list[str] = []
    console = line_console(told.append)
    console.print("[red]plain[/red]")
    assert not console.is_terminal
    assert told == ["plain"]
