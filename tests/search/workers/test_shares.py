"""What is run next, by how far trials and time are; worked out by hand."""

import math
from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest

from objectives.settings import TrainSettings
from search.storage.records import Budget, Standing
from search.workers.shares import Turn
from tests.search.workers.test_time_left import ROW

TRAIN = TrainSettings(finetune_top=0.25, finetune_share=0.25)
NONE = dict.fromkeys(("free", "running", "done", "pruned", "failed"), 0)


def standing(
    heads: Mapping[str, int],
    finetunings: Mapping[str, int] | None = None,
    *,
    worthy: Mapping[int, float] | None = None,
    begun: frozenset[int] = frozenset(),
    others: Mapping[int, float] | None = None,
    holders: Collection[str] = (),
) -> Standing:
    worthy = worthy or {}
    return Standing(
        heads={**NONE, **heads},
        finetunings={**NONE, **(finetunings or {})},
        scores={**worthy, **(others or {})},
        worthy=worthy,
        begun=begun,
        holders=frozenset(holders),
    )


def turn(found: Standing, *, late: bool = False) -> Turn:
    return Turn(found, TRAIN.finetune_top, late)


def picked(found: Turn) -> int | None:
    return found.pick(found.standing.worthy, found.standing.begun)


FIVE = {0: 0.5, 1: 0.9, 2: 0.7, 3: 0.6, 4: 0.8}


@pytest.mark.parametrize(
    ("running", "done", "begun", "leave"),
    [
        # One of four running heads is fine-tuned by whoever is busy; one idle worker is kept.
        (4, 0, 0, ["idle-1", "idle-2"]),
        # A quarter of 12 is three, for one busy worker: two more, and the one in reserve.
        (1, 11, 0, []),
        (1, 11, 2, ["idle-1", "idle-2"]),
    ],
)
def test_idle_workers_leave_where_others_take_what_comes(
    running: int, done: int, begun: int, leave: list[str]
) -> None:
    heads = {"running": running, "done": done}
    worthy = dict.fromkeys(range(done), 0.5)
    busy = [f"busy-{number}" for number in range(running)]
    found = turn(standing(heads, worthy=worthy, begun=frozenset(range(begun)), holders=busy))
    idle = ["idle-0", "idle-1", "idle-2"]
    live = [*idle, *busy]
    assert [name for name in live if found.is_dispensable(name, live)] == leave


def test_the_reserve_stays_where_the_busy_worker_is_given_up_after_its_look() -> None:
    found = turn(standing({"running": 1}, holders=["busy"]))
    assert not found.is_dispensable("reserve", ["reserve"])
    assert not found.is_dispensable("reserve", ["busy", "reserve"])


def test_without_a_second_phase_one_idle_worker_is_enough() -> None:
    found = turn(standing({"running": 1, "done": 3}, others={0: 0.5, 1: 0.6, 2: 0.7}))
    assert found.n_to_come == 0
    switched_off = replace(turn(standing({"running": 40})), has_second_phase=False)
    assert switched_off.n_to_come == 0


def test_a_head_that_waits_comes_first() -> None:
    found = turn(standing({"free": 1, "done": 5}, {"free": 1}, worthy=FIVE, begun=frozenset({1})))
    assert found.has_head
    assert found.is_work_left


def test_after_the_heads_the_best_share_of_them_is_fine_tuned_and_then_it_is_over() -> None:
    # A quarter of five, rounded up, is two.
    begun: frozenset[int] = frozenset()
    for expected in (1, 4):
        found = turn(standing({"done": 5}, worthy=FIVE, begun=begun))
        assert (found.has_head, picked(found)) == (False, expected)
        assert found.is_work_left
        begun |= {expected}
    over = turn(standing({"done": 5}, {"done": 2}, worthy=FIVE, begun=begun))
    assert (picked(over), over.is_work_left, over.is_work_under_way) == (None, False, False)


def test_while_heads_run_only_the_present_share_is_fine_tuned() -> None:
    one = turn(standing({"running": 3, "done": 1}, worthy={0: 0.5}))
    assert picked(one) == 0
    taken = standing({"running": 3, "done": 1}, {"done": 1}, worthy={0: 0.5}, begun=frozenset({0}))
    waits = turn(taken)
    assert (picked(waits), waits.is_work_left, waits.is_work_under_way) == (None, False, True)
    none_yet = turn(standing({"running": 3}))
    assert (picked(none_yet), none_yet.is_work_under_way) == (None, True)


def test_once_the_heads_time_is_used_the_best_are_fine_tuned_without_end() -> None:
    begun: frozenset[int] = frozenset()
    for expected in (1, 4, 2, 3, 0):
        found = turn(standing({"free": 9, "done": 5}, worthy=FIVE, begun=begun), late=True)
        assert (found.has_head, picked(found)) == (False, expected)
        begun |= {expected}


def test_where_no_head_waits_it_is_the_trials_that_bind_although_their_time_is_used() -> None:
    both = frozenset({1, 4})
    found = turn(standing({"done": 5}, {"done": 2}, worthy=FIVE, begun=both), late=True)
    assert (picked(found), found.is_work_left) == (None, False)


def test_time_that_is_kept_is_not_left_unused() -> None:
    # Nothing to fine-tune, and nothing runs that could become so.
    exhausted = standing({"free": 9, "done": 1}, worthy={0: 0.5}, begun=frozenset({0}))
    assert turn(exhausted, late=True).has_head
    assert turn(standing({"free": 9}), late=True).has_head
    # What runs may be worth fine-tuning, so it is waited for.
    running = replace(exhausted, heads={**exhausted.heads, "running": 1})
    assert not turn(running, late=True).has_head


def test_an_objective_of_one_phase_uses_all_the_time_for_its_heads() -> None:
    found = standing({"free": 9, "running": 3, "done": 2}, others={0: 0.5, 1: 0.6})
    assert turn(found, late=True).has_head
    # As long as no head has ended, nobody knows.
    assert not turn(replace(found, scores={}), late=True).has_head


@pytest.mark.parametrize(
    ("budget", "late"),
    [
        (Budget(9), False),
        (Budget(9, hours=1.34), False),
        (Budget(9, hours=1.33), True),
        (Budget(9, gpu_hours=2.67), False),
        (Budget(9, money=2.67, gpu_hour_price=1.0), False),
        (Budget(9, money=2.66, gpu_hour_price=1.0), True),
        (Budget(9, hours=9.0, gpu_hours=2.66), True),
    ],
)
def test_heads_may_use_what_is_not_kept_of_whichever_time_is_less(
    budget: Budget, late: bool
) -> None:
    # An hour, and two of GPUs, have been used; a quarter of the time is kept.
    assert Turn.of(standing({}), TRAIN, budget, [ROW]).heads_are_late is late


def test_where_nothing_is_fine_tuned_no_time_is_kept() -> None:
    train = TrainSettings(finetune_epochs=0)
    assert not Turn.of(standing({}), train, Budget(9, hours=1.01), [ROW]).heads_are_late
    assert math.isclose(ROW.seen_at - ROW.joined_at, 3600)
