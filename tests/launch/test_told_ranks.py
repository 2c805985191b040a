"""What one of several ranks is refused is told on all; what it shares with others on its machine, it divides."""

from __future__ import annotations

import os

import pytest

from olsrepro.data.photos.decode import Unreadable
from olsrepro.launch import ranks
from olsrepro.launch.reader import worker_count
from olsrepro.settings import UserError
from olsrepro.training.runtime import RuntimeSettings


def test_a_refusal_on_another_rank_is_told_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever arguments its class is made with."""
    monkeypatch.setattr(ranks, "of_all", lambda own: [own, Unreadable("a.jpg", "truncated")])
    with pytest.raises(UserError, match=r"^on rank 1: a\.jpg can't be decoded \(truncated\)"):
        ranks.together(lambda: None)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system does not tell a process's own cores")
def test_the_ranks_of_a_machine_share_the_cores_that_they_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"RANK": 3, "WORLD_SIZE": 6, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 3, "MASTER_ADDR": "a", "MASTER_PORT": 1}
    for name, value in told.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(12)))
    assert worker_count(RuntimeSettings()) == 4


def test_where_a_system_tells_no_process_its_cores_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert worker_count(RuntimeSettings()) == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert worker_count(RuntimeSettings()) == 1
