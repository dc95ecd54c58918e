"""The contract of the slots, held on SQLite and on PostgreSQL."""

import multiprocessing
from collections.abc import Sequence
from functools import partial

import pytest

from objectives.stopping.rung import enters_rung
from search.storage.records import Phase, Slot, SlotLostError, SweepRow
from search.storage.slots import MAX_LOSSES, Slots
from search.storage.storage import Storage, open_storage
from tests.search.small_sweep import claim, enter_sweep, kill

spawn = multiprocessing.get_context("spawn")


def make_sweep(storage: Storage, trials: int = 3) -> tuple[SweepRow, Slots]:
    row = enter_sweep(storage, trials=trials)
    return row, storage.slots(row.id)


def test_as_many_slots_can_be_claimed_as_the_budget_has_trials(storage: Storage) -> None:
    _, slots = make_sweep(storage, trials=3)
    assert [claim(slots).number for _ in range(3)] == [0, 1, 2]
    assert slots.claim("late") is None


def test_a_worker_that_did_not_hear_of_its_claim_is_given_the_same_slot(storage: Storage) -> None:
    _, slots = make_sweep(storage)
    first = claim(slots, "w")
    assert claim(slots, "w") == first
    assert slots.counts()["running"] == 1


def claim_all(url: str, sweep_id: str, worker: str, queue: "multiprocessing.Queue[int]") -> None:
    slots = open_storage(url).slots(sweep_id)
    while (slot := slots.claim(worker)) is not None:
        queue.put(slot.number)
        slots.finish(slot, "done", score=0.5)


def test_processes_that_claim_at_once_share_the_slots_exactly(
    storage: Storage, storage_url: str
) -> None:
    row, slots = make_sweep(storage, trials=60)
    queue: multiprocessing.Queue[int] = spawn.Queue()
    processes = [
        spawn.Process(target=claim_all, args=(storage_url, row.id, f"w{i}", queue))
        for i in range(4)
    ]
    for process in processes:
        process.start()
    claimed = [queue.get(timeout=60) for _ in range(60)]
    for process in processes:
        process.join(timeout=60)
    assert sorted(claimed) == list(range(60))
    assert slots.counts()["done"] == 60


def test_a_freed_slot_is_claimed_first_with_its_trial_and_run(storage: Storage) -> None:
    row, slots = make_sweep(storage)
    claim(slots, "a")
    second = claim(slots, "b")
    slots.assign_trial(second, 7)
    slots.note_run(7, "run")
    assert kill(storage, row, "b") == 1
    again = claim(slots, "c")
    assert (again.number, again.trial, again.run_id) == (second.number, 7, "run")
    # A loss counts as an attempt of its own, so that what the dead worker says later is late.
    assert (again.attempt, again.losses, again.claims) == (3, 1, 2)
    assert again.began_at == second.began_at


def test_the_first_worker_of_a_trial_that_was_taken_over_can_write_nothing(
    storage: Storage,
) -> None:
    row, slots = make_sweep(storage)
    late = claim(slots, "late")
    slots.assign_trial(late, 0)
    kill(storage, row, "late")

    def refuse_all() -> None:
        for write in (
            lambda: slots.finish(late, "done", score=1.0),
            lambda: slots.note_params(late, {}),
            lambda: slots.check_held(late),
            lambda: slots.end_phase(late, "head", 1.0, goes_on=lambda _: True),
            lambda: slots.assign_trial(late, 5),
            lambda: slots.record_epoch(late, "head", 0, step=0, scores={0: 1.0}, mean=1.0),
        ):
            with pytest.raises(SlotLostError, match="another worker"):
                write()
        assert not slots.is_held(late)

    refuse_all()
    new = claim(slots, "new")
    refuse_all()
    slots.finish(new, "done", score=0.25)
    slots.note_spooled(late, "running")
    found = slots.one(late.number)
    assert (found.score, found.spooled) == (0.25, None)
    assert slots.epochs(late.number) == []
    assert slots.phases() == []


def test_a_worker_that_has_beaten_since_it_was_judged_loses_nothing(storage: Storage) -> None:
    row, slots = make_sweep(storage)
    workers = storage.workers(row.id)
    workers.join("slow", "cpu", 0.0)
    slot = claim(slots, "slow")
    judged = workers.all()
    workers.beat("slow")
    assert slots.lose(judged, "its worker was killed") == 0
    assert slots.is_held(slot)


def test_a_trial_belongs_to_one_slot(storage: Storage) -> None:
    _, slots = make_sweep(storage)
    first, second = claim(slots), claim(slots)
    assert slots.assign_trial(first, 3)
    assert not slots.assign_trial(second, 3)
    assert slots.assign_trial(second, 4)


def test_a_trial_whose_worker_dies_again_and_again_fails_in_the_end(storage: Storage) -> None:
    row, slots = make_sweep(storage, trials=1)
    for index in range(MAX_LOSSES):
        claim(slots, f"w{index}")
        assert kill(storage, row, f"w{index}") == 1
    slot = slots.all()[0]
    assert (slot.state, slot.claims) == ("failed", MAX_LOSSES)
    assert "killed 3 times" in str(slot.reason)
    assert slot.ended_at is not None
    assert slots.claim("w") is None


def test_a_trial_that_is_given_back_does_not_count_as_lost(storage: Storage) -> None:
    _, slots = make_sweep(storage, trials=1)
    for _ in range(MAX_LOSSES + 2):
        claim(slots, "w")
        slots.give_back("w")
    slot = slots.all()[0]
    assert (slot.state, slot.losses, slot.claims) == ("free", 0, MAX_LOSSES + 2)


def test_ending_a_trial_twice_is_as_good_as_once(storage: Storage) -> None:
    _, slots = make_sweep(storage)
    slot = claim(slots)
    ended = slots.finish(slot, "done", score=0.5)
    again = slots.finish(slot, "done", score=0.5)
    assert (again.state, again.score, again.ended_at) == ("done", 0.5, ended.ended_at)
    with pytest.raises(SlotLostError):
        slots.finish(slot, "failed", reason="another end")


def test_seconds_on_the_device_add_up_over_attempts(storage: Storage) -> None:
    _, slots = make_sweep(storage)
    claim(slots, "w")
    slots.give_back("w")
    first = slots.all()[0].device_s
    assert 0 <= first < 5
    ended = slots.finish(claim(slots, "w"), "done", score=0.5)
    assert first <= ended.device_s < 10


def test_an_epoch_that_an_earlier_attempt_recorded_stays_as_it_was(storage: Storage) -> None:
    _, slots = make_sweep(storage)
    slot = claim(slots, "a")
    record = partial(slots.record_epoch, stage="head", epoch=4, step=4)
    first, is_new = record(slot, scores={1: 0.5, 0: 0.25}, mean=0.375)
    assert is_new
    assert (first.folds, first.scores, first.attempt) == ("0,1", {"0": 0.25, "1": 0.5}, 1)
    slots.give_back("a")
    again, is_new = record(claim(slots, "b"), scores={0: 0.9, 1: 0.9}, mean=0.9)
    assert not is_new
    assert again == first
    # Folds that run one after another have rows of their own.
    assert record(claim(slots, "b"), scores={0: 0.25}, mean=0.25)[1]
    assert [row.folds for row in slots.epochs(slot.number)] == ["0,1", "0"]


def test_the_rung_lets_in_the_best_share_of_all_scores_seen_so_far(storage: Storage) -> None:
    _, slots = make_sweep(storage, trials=6)
    scores = [0.5, 0.4, 0.6, 0.55, 0.58, 0.61]
    entered = [enters(slots, claim(slots), score, top=0.4) for score in scores]
    # Of 1 to 6 scores, ceil(0.4 n) are in the top: 1, 1, 2, 2, 2, 3; by hand:
    assert entered == [True, False, True, True, True, True]
    assert [(phase.score, phase.goes_on) for phase in phases_of(slots)] == list(
        zip(scores, entered, strict=True)
    )


def test_a_second_attempt_with_the_same_score_gets_the_same_answer(storage: Storage) -> None:
    _, slots = make_sweep(storage, trials=3)
    first = claim(slots, "a")
    assert enters(slots, first, 0.5, top=0.1)
    assert enters(slots, claim(slots, "b"), 0.9, top=0.1)
    slots.assign_trial(first, 0)
    slots.give_back("a")
    again = claim(slots, "c")
    assert again.number == first.number
    assert enters(slots, again, 0.5, top=0.1)
    assert not enters(slots, again, 0.45, top=0.1)
    assert [phase.goes_on for phase in phases_of(slots)] == [False, True]


def enters(slots: Slots, slot: Slot, score: float, *, top: float) -> bool:
    return slots.end_phase(slot, "head", score, goes_on=partial(enters_rung, score, top=top))


def phases_of(slots: Slots) -> Sequence[Phase]:
    return sorted(slots.phases(), key=lambda phase: phase.number)
