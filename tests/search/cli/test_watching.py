"""``status --watch``: until the sweep ends, and not before its first worker has come."""

import dataclasses
import time

from search.cli.status import watched
from search.status import SweepStatus
from search.watching import looks

EMPTY = SweepStatus(
    sweep="cells",
    state="interrupted",
    budget={"trials": 2, "hours": None, "gpu_hours": None},
    trials={"free": 2, "running": 0, "done": 0, "pruned": 0, "failed": 0},
    finetuning={},
    best=None,
    leaderboard=[],
    workers=[],
    seconds_left=None,
    shared={},
)


class Looks:
    """Gives one state after the other, and the last one for ever."""

    def __init__(self, *states: str) -> None:
        self.states = list(states)
        self.taken = 0

    def __call__(self) -> SweepStatus:
        state = self.states[min(self.taken, len(self.states) - 1)]
        self.taken += 1
        return dataclasses.replace(EMPTY, state=state)


def test_a_sweep_without_its_first_worker_is_waited_for() -> None:
    looks = Looks("interrupted", "interrupted", "running", "interrupted", "running", "done")
    assert watched(looks, grace_s=60, refresh_s=0.001).state == "done"
    assert looks.taken == 6


def test_a_sweep_on_which_nobody_works_is_left_after_a_while() -> None:
    begun_s = time.monotonic()
    looks = Looks("interrupted")
    assert watched(looks, grace_s=0.2, refresh_s=0.01).state == "interrupted"
    assert time.monotonic() - begun_s >= 0.2
    assert looks.taken > 1


def test_a_sweep_that_is_stopped_is_watched_until_its_workers_have_left() -> None:
    looks = Looks("running", "stopping", "stopping", "stopped")
    assert watched(looks, grace_s=60, refresh_s=0.001).state == "stopped"
    assert looks.taken == 4


def test_the_while_begins_when_the_last_worker_has_gone() -> None:
    looks = Looks(*["running"] * 100, *["interrupted"] * 5, "done")
    assert watched(looks, grace_s=0.5, refresh_s=0.01).state == "done"


def test_looks_are_as_far_apart_as_was_asked() -> None:
    begun_s = time.monotonic()
    seen = list(looks(Looks("running", "running", "done"), refresh_s=0.1))
    assert [status.state for status in seen] == ["running", "running", "done"]
    assert 0.2 <= time.monotonic() - begun_s < 5


def test_each_look_is_there_before_the_next_is_taken() -> None:
    source = Looks("running")
    seen = looks(source, refresh_s=0.001)
    for taken in range(1, 4):
        assert next(seen).state == "running"
        assert source.taken == taken
