"""Composing at once and composing by itself, set side by side; the fast path with Hydra out of reach."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from olsrepro.config import merged_trees
from olsrepro.config.compose import compose_many, compose_run
from olsrepro.config.locate import configs_folder
from olsrepro.config.overrides import group_choices
from olsrepro.config.run_config import RunConfig
from olsrepro.settings import UserError
from olsrepro.store.identity import run_id


def names(group: str) -> list[str]:
    return group_choices(group, [configs_folder()])


def outcome(lines: Sequence[str], config_dir: Path | None = None) -> tuple[str, ...]:
    """All that composing at once says: the values with their types, the id and the preset; or the error."""
    return _outcome(lambda: compose_many([lines], config_dir)[0])


def assert_same(lines: Sequence[str], config_dir: Path | None = None) -> None:
    """Composing by itself says the same, to the letter."""
    assert outcome(lines, config_dir) == _outcome(lambda: compose_run(lines, config_dir)), lines


def _outcome(compose: Callable[[], RunConfig]) -> tuple[str, ...]:
    try:
        config = compose()
    except UserError as error:
        return ("refused", str(error))
    return (repr(config), repr(config.as_dict()), run_id(config), config.preset)


def refuse_hydra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the fast path fail where it would ask Hydra; composing by itself still goes through it."""

    def refuse(lines: Iterable[str], folders: Sequence[Path]) -> None:
        raise AssertionError(f"Hydra was asked for {list(lines)}")

    monkeypatch.setattr(merged_trees, "compose_by_hydra", refuse)


def sampled(cases: Iterable[tuple[object, ...]]) -> list[object]:
    """All cases, two thirds of them with the slow tests."""
    slow = pytest.mark.slow
    return [pytest.param(*case, marks=[slow] if index % 3 else []) for index, case in enumerate(cases)]
