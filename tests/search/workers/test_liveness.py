"""Who is taken for dead: by beats and the observer's own clock, not by names and wall clocks."""

import os
import subprocess
import sys
from dataclasses import replace

import psutil
import pytest

from search.pids import machine_id
from search.storage.records import WorkerRow
from search.workers.liveness import Liveness

LEASE_S = 60.0
ELSEWHERE = "another boot pid:[4026531836]"


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def liveness(clock: Clock) -> Liveness:
    return Liveness(LEASE_S, clock)


def worker(**changes: object) -> WorkerRow:
    row = WorkerRow(
        id="w",
        sweep_id="s",
        host="node",
        machine=ELSEWHERE,
        pid=7,
        pid_started_at=0.0,
        device="cpu",
        gpus=0.0,
        state="live",
        beat=1,
        joined_at=0.0,
        seen_at=0.0,
        progress=None,
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def look_for(liveness: Liveness, clock: Clock, seconds: float, row: WorkerRow) -> list[str]:
    """Look every ten seconds for so long; gives the last judgement."""
    gone = liveness.gone([row])
    for _ in range(round(seconds / 10)):
        clock.now_s += 10
        gone = liveness.gone([row])
    return gone


def test_a_beat_that_stands_still_for_longer_than_a_lease_ends_a_worker(
    liveness: Liveness, clock: Clock
) -> None:
    assert look_for(liveness, clock, LEASE_S, worker()) == []
    assert look_for(liveness, clock, 10, worker()) == ["w"]


def test_a_beat_that_changes_begins_the_lease_anew_whatever_its_value(
    liveness: Liveness, clock: Clock
) -> None:
    assert look_for(liveness, clock, 50, worker(beat=9)) == []
    assert look_for(liveness, clock, LEASE_S, worker(beat=3)) == []
    assert look_for(liveness, clock, 10, worker(beat=3)) == ["w"]


@pytest.mark.parametrize("seen_at", [0.0, 1e6, 4e9])
def test_when_others_say_that_they_were_seen_does_not_count(
    seen_at: float, liveness: Liveness, clock: Clock
) -> None:
    row = worker(seen_at=seen_at, joined_at=seen_at)
    assert look_for(liveness, clock, LEASE_S, row) == []
    assert look_for(liveness, clock, 10, row) == ["w"]


def test_after_a_read_that_failed_everybody_is_judged_anew(
    liveness: Liveness, clock: Clock
) -> None:
    assert look_for(liveness, clock, LEASE_S, worker()) == []
    clock.now_s += 10
    assert liveness.gone([worker()], failures=1) == []
    clock.now_s += 10
    assert liveness.gone([worker()], failures=1) == []


def test_an_observer_that_was_stopped_itself_judges_anew(liveness: Liveness, clock: Clock) -> None:
    assert liveness.gone([worker()]) == []
    clock.now_s += 100 * LEASE_S
    assert look_for(liveness, clock, LEASE_S, worker()) == []
    assert look_for(liveness, clock, 10, worker()) == ["w"]


def test_a_worker_that_left_or_was_lost_is_gone_at_once(liveness: Liveness) -> None:
    rows = [worker(id=state, state=state) for state in ("live", "left", "lost")]
    assert liveness.gone(rows) == ["left", "lost"]


def test_a_process_of_this_machine_that_has_ended_is_noticed_at_once(liveness: Liveness) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    began_at = psutil.Process(process.pid).create_time()
    row = worker(machine=machine_id(), pid=process.pid, pid_started_at=began_at)
    assert liveness.gone([row]) == []
    process.kill()
    # Dead already, though nobody has asked for its exit code yet.
    psutil.wait_procs([psutil.Process(process.pid)], timeout=0.2)
    assert liveness.gone([row]) == ["w"]
    process.communicate()
    assert liveness.gone([row]) == ["w"]


def test_another_process_with_the_number_of_a_worker_is_not_that_worker(
    liveness: Liveness,
) -> None:
    mine = psutil.Process().create_time()
    here = worker(machine=machine_id(), pid=os.getpid(), pid_started_at=mine)
    assert liveness.gone([here]) == []
    assert liveness.gone([replace(here, pid_started_at=mine - 3600)]) == ["w"]


@pytest.mark.parametrize("pid", [os.getpid(), 2**22 + 1], ids=["lives here", "is free here"])
def test_process_numbers_of_another_namespace_or_boot_are_never_looked_at(
    pid: int, liveness: Liveness, clock: Clock
) -> None:
    row = worker(machine=ELSEWHERE, pid=pid, host=os.uname().nodename)
    assert look_for(liveness, clock, LEASE_S, row) == []
