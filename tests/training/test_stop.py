"""Signals ask for a stop; a second Ctrl-C doesn't ask."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from olsrepro.training.stop import StopRequest

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in SIGNALS]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_sets_the_flag_and_ends_nothing(number: signal.Signals) -> None:
    with StopRequest() as stop:
        assert not stop.requested
        os.kill(os.getpid(), number)
        assert stop.requested


@pytest.mark.parametrize("first", SIGNALS)
def test_an_interrupt_after_a_request_is_pythons_own(first: signal.Signals) -> None:
    now = [5.0]
    with StopRequest(lambda: now[0]) as stop:
        os.kill(os.getpid(), first)
        os.kill(os.getpid(), signal.SIGINT)  # the same key press, passed on by torchrun
        now[0] += 2
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert stop.requested


def test_a_second_request_that_is_no_interrupt_changes_nothing() -> None:
    with StopRequest() as stop:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested


def test_the_handlers_from_before_are_back_after() -> None:
    before = handlers()
    with StopRequest() as stop:
        assert all(now != then for now, then in zip(handlers(), before, strict=True))
        assert stop.requested is False
    assert handlers() == before
    with pytest.raises(RuntimeError, match="mine"), StopRequest():
        raise RuntimeError("mine")
    assert handlers() == before


def test_a_handler_that_was_not_set_in_python_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    before, real = handlers(), signal.signal

    def unknown_before(number: int, handler: object) -> object:
        assert handler is not None
        real(number, handler)
        return None

    with monkeypatch.context() as patched:
        patched.setattr(signal, "signal", unknown_before)
        with StopRequest() as stop:
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.requested
    for number, handler in zip(SIGNALS, before, strict=True):
        real(number, handler)


def test_a_hangup_stays_ignored_under_nohup() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.requested
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before, seen = handlers(), list[object]()

    def work() -> None:
        with StopRequest() as stop:
            seen.append(stop.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
    assert handlers() == before
