"""YAML that is read, and YAML that is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from harmful_yaml import HARMFUL, as_bytes, bomb

from olsrepro.experiments.files import read as read_experiment
from olsrepro.files.plain_yaml import DEEPEST, LONGEST, parse, read
from olsrepro.methods.cards import read_card
from olsrepro.settings import UserError


@pytest.mark.parametrize("what", HARMFUL)
def test_what_is_harmful_is_refused_in_one_line(tmp_path: Path, what: str) -> None:
    text, reason = HARMFUL[what]
    (tmp_path / "card.yaml").write_bytes(as_bytes(text))
    with pytest.raises(ValueError, match=reason) as refused:
        read(tmp_path / "card.yaml")
    assert "\n" not in str(refused.value)
    for reader in (read_experiment, read_card):
        with pytest.raises(UserError, match=rf"card\.yaml.*: .*{reason}"):
            reader(tmp_path / "card.yaml")


def test_what_is_within_the_limits_is_read() -> None:
    assert parse("a: " + "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1))["a"]
    assert parse(f"a: {'1' * LONGEST}")["a"] == int("1" * LONGEST)
    assert len(parse(bomb(2))["a1"]) == 10
    assert parse(f"a: {'word ' * LONGEST}\nb: '{'1' * 5000}'\nc: {'fee' * LONGEST}")["b"] == "1" * 5000


def test_a_file_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^No such file or directory$"):
        read(tmp_path / "gone.yaml")
