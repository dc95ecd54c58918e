"""A thread that does something again and again while a block runs."""

import logging
import threading
import time

import pytest

from spaces.periodic import Periodic


class Counted:
    """An action that says when it was called, and reaches a number of calls."""

    def __init__(self, *, n_calls: int) -> None:
        self.times_s: list[float] = []
        self.reached = threading.Event()
        self._n_calls = n_calls

    def __call__(self) -> None:
        self.times_s.append(time.monotonic())
        if len(self.times_s) == self._n_calls:
            self.reached.set()


def test_the_action_is_called_again_and_again_until_the_block_ends() -> None:
    action = Counted(n_calls=4)
    began_s = time.monotonic()
    with Periodic(action, every_s=0.05, name="counted"):
        assert action.reached.wait(10.0)
    n_calls = len(action.times_s)
    assert action.times_s[0] - began_s >= 0.05
    pauses = [b - a for a, b in zip(action.times_s, action.times_s[1:], strict=False)]
    assert min(pauses) >= 0.045
    time.sleep(0.2)
    assert len(action.times_s) == n_calls


def test_the_first_call_may_come_at_once() -> None:
    action = Counted(n_calls=1)
    with Periodic(action, every_s=3600.0, name="counted", at_once=True):
        assert action.reached.wait(10.0)
    assert len(action.times_s) == 1


def test_a_long_pause_does_not_hold_up_the_end() -> None:
    began_s = time.monotonic()
    with Periodic(Counted(n_calls=1), every_s=3600.0, name="counted"):
        pass
    assert time.monotonic() - began_s < 2.0


def test_an_action_ends_the_calls_by_saying_so() -> None:
    calls: list[int] = []

    def third_is_last() -> bool:
        calls.append(1)
        return len(calls) == 3

    with Periodic(third_is_last, every_s=0.01, name="counted"):
        time.sleep(0.5)
    assert len(calls) == 3


def test_an_error_is_logged_and_ends_the_calls(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []

    def broken() -> None:
        calls.append(1)
        raise ZeroDivisionError("a bug of the action")

    with caplog.at_level(logging.ERROR), Periodic(broken, every_s=0.01, name="the broken one"):
        time.sleep(0.5)
    assert len(calls) == 1
    assert "the broken one" in caplog.text
    assert "a bug of the action" in caplog.text


def test_the_end_waits_for_a_call_under_way_but_not_for_ever() -> None:
    begun, let_go = threading.Event(), threading.Event()

    def stuck() -> None:
        begun.set()
        let_go.wait(20.0)

    with Periodic(stuck, every_s=0.0, name="stuck", join_timeout_s=0.3):
        assert begun.wait(10.0)
        ended_s = time.monotonic()
    assert 0.25 <= time.monotonic() - ended_s < 3.0
    let_go.set()

    done: list[int] = []

    def slow() -> bool:
        time.sleep(0.3)
        done.append(1)
        return True

    with Periodic(slow, every_s=0.0, name="slow"):
        time.sleep(0.1)
    assert done == [1]
