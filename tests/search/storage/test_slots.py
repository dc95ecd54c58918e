"""The contract of slots, held on SQLite and on PostgreSQL."""

import multiprocessing
from collections.abc import Collection, Mapping

import pytest

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


@pytest.mark.slow
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


def end_head(book: Slots, score: float, *, goes_on: bool = True) -> Slot:
    """Run a head to its end."""
    slot = claim(book)
    book.assign_trial(slot, 10 + slot.number)
    return book.finish(slot, "done", score=score, goes_on=goes_on)


def best(worthy: Mapping[int, float], begun: Collection[int]) -> int | None:
    """Pick the best that was not begun, without any limit."""
    left = {number: score for number, score in worthy.items() if number not in begun}
    return max(left, key=left.__getitem__, default=None)


def test_fine_tuning_is_begun_with_finished_heads_that_go_on_the_picked_one_first(
    storage: Storage,
) -> None:
    _, book = make_sweep(storage, trials=5)
    for score in (0.5, 0.7, 0.6):
        end_head(book, score)
    end_head(book, 0.9, goes_on=False)
    book.note_run(11, "run")
    first, second = book.claim_finetuning("a", best), book.claim_finetuning("b", best)
    assert first is not None
    assert second is not None
    assert (first.number, first.phase, first.trial, first.run_id) == (1, "finetune", 11, "run")
    assert (first.state, first.attempt, first.study_trial) == ("running", 1, None)
    assert second.number == 2
    # Who holds one, whichever phase it is of, is given that.
    assert book.claim_finetuning("a", best) == first
    assert book.claim("a") == first
    standing = book.standing()
    assert standing.scores == {0: 0.5, 1: 0.7, 2: 0.6, 3: 0.9}
    assert standing.worthy == {0: 0.5, 1: 0.7, 2: 0.6}
    assert standing.begun == {1, 2}
    assert (standing.heads["done"], standing.heads["free"]) == (4, 1)
    assert standing.finetunings["running"] == 2


def test_the_first_phase_keeps_its_result_whatever_becomes_of_the_second(
    storage: Storage,
) -> None:
    row, book = make_sweep(storage, trials=1)
    head = end_head(book, 0.5)
    for losses in range(1, MAX_LOSSES + 1):
        slot = book.claim_finetuning("w", best)
        assert slot is not None
        assert (slot.number, slot.attempt, slot.losses) == (0, 2 * losses - 1, losses - 1)
        lose(storage, row, "w")
    tuned = book.one(0, "finetune")
    assert (tuned.state, tuned.claims) == ("failed", MAX_LOSSES)
    assert "killed 3 times" in str(tuned.reason)
    assert book.one(0) == head
    assert book.claim_finetuning("w", best) is None


def test_a_fine_tuning_that_was_given_back_goes_on_before_another_is_begun(
    storage: Storage,
) -> None:
    _, book = make_sweep(storage)
    for score in (0.5, 0.7):
        end_head(book, score)
    first = book.claim_finetuning("w", lambda worthy, begun: 0)
    book.give_back("w")
    again = book.claim_finetuning("v", best)
    assert first is not None
    assert again is not None
    assert (again.number, again.attempt, again.losses) == (0, 2, 0)


def test_a_late_worker_of_the_second_phase_can_write_nothing(storage: Storage) -> None:
    row, book = make_sweep(storage)
    end_head(book, 0.5)
    late = book.claim_finetuning("late", best)
    assert late is not None
    lose(storage, row, "late")
    new = book.claim_finetuning("new", best)
    assert new is not None
    for write in (
        lambda: book.finish(late, "done", score=1.0),
        lambda: book.note_params(late, {}),
        lambda: book.record_epoch(late, "finetune", 0, step=0, scores={0: 1.0}, mean=1.0),
        lambda: book.assign_trial(late, 5),
    ):
        with pytest.raises(SlotLostError, match="another worker"):
            write()
    book.finish(new, "done", score=0.75)
    assert (book.one(0).score, book.one(0, "finetune").score) == (0.5, 0.75)


def test_trials_of_one_number_in_the_two_studies_are_two(storage: Storage) -> None:
    _, book = make_sweep(storage)
    heads = [end_head(book, score) for score in (0.5, 0.4)]
    first, second = book.claim_finetuning("a", best), book.claim_finetuning("b", best)
    assert first is not None
    assert second is not None
    assert book.assign_trial(first, 10)
    assert not book.assign_trial(second, 10)
    found = book.one(first.number, "finetune")
    assert (found.trial, found.study_trial) == (heads[0].trial, 10)


def tune_all(url: str, sweep_id: str, worker: str, queue: "multiprocessing.Queue[int]") -> None:
    book = open_storage(url).slots(sweep_id)
    while (slot := book.claim_finetuning(worker, at_most_ten)) is not None:
        queue.put(slot.number)
        book.finish(slot, "done", score=0.5)


def at_most_ten(worthy: Mapping[int, float], begun: Collection[int]) -> int | None:
    return best(worthy, begun) if len(begun) < 10 else None


@pytest.mark.slow
def test_processes_that_begin_fine_tuning_at_once_keep_to_the_number_allowed(
    storage: Storage, storage_url: str
) -> None:
    row, book = make_sweep(storage, trials=12)
    for number in range(12):
        end_head(book, number / 100)
    queue: multiprocessing.Queue[int] = forks.Queue()
    processes = [
        forks.Process(target=tune_all, args=(storage_url, row.id, f"w{i}", queue)) for i in range(3)
    ]
    for process in processes:
        process.start()
    claimed = [queue.get(timeout=60) for _ in range(10)]
    for process in processes:
        process.join(timeout=60)
    assert sorted(claimed) == list(range(2, 12))
    assert book.counts("finetune")["done"] == 10


def test_a_lowered_budget_leaves_fine_tuning_alone(storage: Storage) -> None:
    row, book = make_sweep(storage)
    end_head(book, 0.5)
    book.claim_finetuning("w", best)
    book.give_back("w")
    storage.sweeps.change_budget(row.id, {"trials": 1})
    assert [(slot.number, slot.phase) for slot in book.all()] == [(0, "head"), (0, "finetune")]
    storage.sweeps.change_budget(row.id, {"trials": 3})
    assert book.counts()["free"] == 2


def test_of_a_worker_that_has_beaten_since_it_was_judged_nothing_is_taken(storage: Storage) -> None:
    row, book = make_sweep(storage)
    judged = join(storage, row.id, "w")
    claim(book, "w")
    storage.workers(row.id).beat("w")
    assert book.lose(judged, "its worker was killed") == 0
    assert book.counts()["running"] == 1
    now = [worker for worker in storage.workers(row.id).all() if worker.id == "w"]
    assert book.lose(now, "its worker was killed") == 1


def test_the_best_score_is_that_of_any_phase_that_is_done(storage: Storage) -> None:
    slots = storage.slots(enter_sweep(storage, trials=3).id)
    assert slots.best_score() is None
    slots.finish(claim(slots, "a"), "pruned", score=0.9)
    slots.finish(claim(slots, "b"), "done", score=-0.5, goes_on=True)
    assert slots.best_score() == -0.5
    tuned = slots.claim_finetuning("c", lambda worthy, begun: next(iter(worthy)))
    assert tuned is not None
    assert slots.holders() == slots.standing().holders == {"c"}
    slots.finish(tuned, "done", score=0.25)
    assert slots.best_score() == 0.25
    assert slots.holders() == slots.standing().holders == set()


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
    assert stored.phase == "head"
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


def test_the_place_of_a_score_counts_each_trial_once_by_its_better_phase(storage: Storage) -> None:
    _, book = make_sweep(storage, trials=4)
    assert book.place_of(0.5) == (0, 0)
    for score in (0.2, 0.4, 0.6):
        book.finish(claim(book), "done", score=score, goes_on=True)
    book.finish(claim(book), "pruned", score=0.9)
    assert book.place_of(0.4) == (1, 3)
    tuned = book.claim_finetuning("c", lambda worthy, begun: max(worthy))
    assert tuned is not None
    book.finish(tuned, "done", score=0.7)
    # Both phases of that trial are better.
    assert [book.place_of(score) for score in (0.4, 0.65, 0.7)] == [(1, 3), (1, 3), (0, 3)]
