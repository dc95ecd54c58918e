"""How much of a sweep's time is left, by rows of workers."""

import math
from dataclasses import replace

import pytest

from search.storage.records import Budget, WorkerRow
from search.workers.time_left import TimeLeft, seconds_left

ROW = WorkerRow(
    id="w",
    sweep_id="s",
    host="h",
    machine="m",
    pid=1,
    pid_started_at=0.0,
    device="gpu:0,1",
    gpus=2.0,
    state="live",
    beat=0,
    joined_at=0.0,
    seen_at=3600.0,
    progress=None,
)


def test_time_is_up_at_the_first_limit() -> None:
    rows = [ROW]  # An hour, and two of GPUs.
    assert seconds_left(Budget(9), rows) == math.inf
    assert seconds_left(Budget(9, hours=1.5, gpu_hours=9.0), rows) == pytest.approx(1800)
    assert seconds_left(Budget(9, hours=1.0), rows) == 0
    assert seconds_left(Budget(9, hours=9.0, gpu_hours=2.0), rows) == 0


def test_hours_of_gpus_are_used_by_all_that_run() -> None:
    # Two are used; the other two are used by three GPUs in 2400 s.
    rows = [ROW, replace(ROW, id="v", gpus=1.0, joined_at=3600.0)]
    assert seconds_left(Budget(9, gpu_hours=4.0), rows) == pytest.approx(2400)
    # The lower of the two: 10 at 2.5 an hour are 4 hours.
    paid = Budget(9, gpu_hours=9.0, money=10.0, gpu_hour_price=2.5)
    assert seconds_left(paid, rows) == pytest.approx(2400)
    ended = [replace(row, state="left") for row in rows]
    assert seconds_left(Budget(9, gpu_hours=4.0), ended) == pytest.approx(7200)


def test_without_a_note_the_time_is_never_up() -> None:
    left = TimeLeft()
    assert not left.is_up()
    left.note(60.0)
    assert not left.is_up()
    left.note(0.0)
    assert left.is_up()
    left.note(60.0)  # Somebody has raised the budget.
    assert not left.is_up()


def test_what_is_left_runs_down_on_the_clock_of_the_process() -> None:
    left = TimeLeft()
    assert not left.is_up()
    left.note(3600.0)
    assert not left.is_up()
    left.note(0.0)
    assert left.is_up()
