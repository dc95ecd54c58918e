"""The contract of slots, held on SQLite and on PostgreSQL."""

import multiprocessing
from functools import partial

import pytest

from objectives.stopping.rung import enters_rung
from search.storage.records import Slot, SlotLostError, SweepRow
from search.storage.slots import MAX_LOSSES, Slots
from search.storage.storage import Storage, open_storage
from tests.search.forked_process import forks
from tests.search.small_sweep import claim, enter_sweep, join


def make_sweep(storage: Storage, trials: int = 3) -> tuple[SweepRow, Slots]:
    row = enter_sweep(storage, trials=trials)
    return row, storage.slots(row.id)


def lose(storage: Storage, row: SweepRow, name: str) -> int:
    """Free what a worker holds, as whoever finds it dead does."""
    return storage.slots(row.id).lose(join(storage, row.id, name), "its worker was killed")


def test_as_many_slots_can_be_claimed_as_the_budget_has_trials(storage: Storage) -> None:
    _, book = make_sweep(storage, trials=3)
    assert [claim(book, f"w{n}").number for n in range(3)] == [0, 1, 2]
    assert book.claim("another") is None
    # Who holds one already, and did not hear of it, is given that.
    assert claim(book, "w1").number == 1


def claim_all(url: str, sweep_id: str, worker: str, queue: "multiprocessing.Queue[int]") -> None:
    book = open_storage(url).slots(sweep_id)
    while (slot := book.claim(worker)) is not None:
        queue.put(slot.number)
        book.finish(slot, "done", score=0.5)


def test_processes_that_claim_at_once_share_the_slots_exactly(
    storage: Storage, storage_url: str
) -> None:
    row, book = make_sweep(storage, trials=60)
    queue: multiprocessing.Queue[int] = forks.Queue()
    processes = [
        forks.Process(target=claim_all, args=(storage_url, row.id, f"w{i}", queue))
        for i in range(4)
    ]
    for process in processes:
        process.start()
    claimed = [queue.get(timeout=60) for _ in range(60)]
    for process in processes:
        process.join(timeout=60)
    assert sorted(claimed) == list(range(60))
    assert book.counts()["done"] == 60


def test_a_freed_slot_is_claimed_first_with_its_trial_and_run(storage: Storage) -> None:
    row, book = make_sweep(storage)
    claim(book, "a")
    second = claim(book, "b")
    book.assign_trial(second, 7)
    book.note_run(7, "run")
    assert lose(storage, row, "b") == 1
    again = claim(book, "c")
    assert (again.trial, again.run_id) == (7, "run")
    assert (again.claims, again.losses) == (2, 1)
    assert again.attempt > second.attempt


def test_the_first_worker_of_a_trial_that_was_taken_over_can_write_nothing(
    storage: Storage,
) -> None:
    row, book = make_sweep(storage)
    late = claim(book, "late")
    book.assign_trial(late, 0)
    lose(storage, row, "late")
    new = claim(book, "new")
    for write in (
        lambda: book.finish(late, "done", score=1.0),
        lambda: book.note_params(late, {}),
        lambda: book.check_held(late),
        lambda: book.end_phase(late, "head", 1.0, goes_on=lambda _others: True),
        lambda: book.record_epoch(late, "head", 0, step=0, scores={0: 1.0}, mean=1.0),
        lambda: book.assign_trial(late, 5),
    ):
        with pytest.raises(SlotLostError, match="another worker"):
            write()
    book.finish(new, "done", score=0.25)
    assert book.all()[0].score == 0.25


def test_a_trial_belongs_to_one_slot(storage: Storage) -> None:
    _, book = make_sweep(storage)
    first, second = claim(book, "a"), claim(book, "b")
    assert book.assign_trial(first, 3)
    assert not book.assign_trial(second, 3)
    assert book.assign_trial(second, 4)


def test_a_trial_whose_worker_dies_again_and_again_fails_in_the_end(storage: Storage) -> None:
    row, book = make_sweep(storage, trials=1)
    for _ in range(MAX_LOSSES):
        claim(book, "w")
        lose(storage, row, "w")
    slot = book.all()[0]
    assert slot.state == "failed"
    assert "killed 3 times" in str(slot.reason)
    assert book.claim("w") is None


def test_a_trial_that_is_given_back_does_not_count_as_lost(storage: Storage) -> None:
    _, book = make_sweep(storage, trials=1)
    for _ in range(MAX_LOSSES + 2):
        claim(book, "w")
        book.give_back("w")
    assert book.all()[0].state == "free"
    assert book.all()[0].losses == 0


def enters(book: Slots, slot: Slot, score: float, *, top: float) -> bool:
    return book.end_phase(slot, "head", score, goes_on=partial(enters_rung, score, top=top))


def test_the_rung_lets_in_the_best_share_of_all_scores_seen_so_far(storage: Storage) -> None:
    _, book = make_sweep(storage, trials=6)
    scores = [0.5, 0.4, 0.6, 0.55, 0.58, 0.61]
    entered = [enters(book, claim(book, f"w{n}"), s, top=0.4) for n, s in enumerate(scores)]
    # Of 1 to 6 scores, ceil(0.4 n) are in the top: 1, 1, 2, 2, 2, 3; by hand:
    assert entered == [True, False, True, True, True, True]


def test_a_second_attempt_with_the_same_score_gets_the_same_answer(storage: Storage) -> None:
    _, book = make_sweep(storage, trials=3)
    first = claim(book, "a")
    assert enters(book, first, 0.5, top=0.1)
    assert enters(book, claim(book, "b"), 0.9, top=0.1)
    book.give_back("a")
    again = claim(book, "c")
    assert again.number == first.number
    assert enters(book, again, 0.5, top=0.1)
    assert not enters(book, again, 0.45, top=0.1)


def test_of_a_worker_that_has_beaten_since_it_was_judged_nothing_is_taken(storage: Storage) -> None:
    row, book = make_sweep(storage)
    judged = join(storage, row.id, "w")
    claim(book, "w")
    storage.workers(row.id).beat("w")
    assert book.lose(judged, "its worker was killed") == 0
    assert book.counts()["running"] == 1
    now = [worker for worker in storage.workers(row.id).all() if worker.id == "w"]
    assert book.lose(now, "its worker was killed") == 1


def test_an_epoch_is_recorded_once_whoever_computes_it_again(storage: Storage) -> None:
    row, book = make_sweep(storage)
    first = claim(book, "a")
    stored, is_new = book.record_epoch(
        first, "head", 0, step=0, scores={0: 0.5, 1: 0.25}, mean=0.375
    )
    assert is_new
    lose(storage, row, "a")
    again = claim(book, "b")
    found, is_new = book.record_epoch(again, "head", 0, step=0, scores={0: 0.9, 1: 0.9}, mean=0.9)
    assert not is_new
    assert found == stored
    assert book.epochs(again.number) == [stored]
    assert stored.scores == {"0": 0.5, "1": 0.25}


def test_what_was_said_of_a_trial_is_not_said_again(storage: Storage) -> None:
    _, book = make_sweep(storage)
    slot = claim(book)
    book.assign_trial(slot, 0)
    assert book.unsaid() == []
    ended = book.finish(slot, "done", score=0.5)
    assert [found.number for found in book.unsaid()] == [slot.number]
    book.mark_told(ended)
    book.note_spooled(ended, "done")
    assert book.unsaid() == []
