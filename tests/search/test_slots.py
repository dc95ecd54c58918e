"""The ledger's contract, held on SQLite and on PostgreSQL."""

import multiprocessing
from pathlib import Path

import pytest

from search.ledger.crew import Crew
from search.ledger.slots import MAX_LOSSES, Slot, SlotBook, SlotLostError
from search.ledger.storage import Storage, connect
from search.ledger.sweeps import Ledger, SweepRow

spawn = multiprocessing.get_context("spawn")


def make_sweep(storage: Storage, trials: int = 3) -> tuple[SweepRow, SlotBook]:
    row = Ledger(storage).create_sweep(
        "tissue", "file", fingerprint="f" * 64, fold_hash="0" * 64, trials=trials
    )
    return row, SlotBook(storage, row.id)


def claim(book: SlotBook, worker: str = "w") -> Slot:
    slot = book.claim(worker)
    assert slot is not None
    return slot


def test_a_sweep_is_found_again_by_its_name(storage: Storage) -> None:
    row, _ = make_sweep(storage)
    assert Ledger(storage).sweep("tissue") == row
    assert Ledger(storage).sweep("other") is None
    assert Ledger(storage).sweep_names() == ["tissue"]


def test_as_many_slots_can_be_claimed_as_the_budget_has_trials(storage: Storage) -> None:
    _, book = make_sweep(storage, trials=3)
    assert [claim(book).number for _ in range(3)] == [0, 1, 2]
    assert book.claim("w") is None


def claim_all(url: str, sweep_id: str, worker: str, queue: "multiprocessing.Queue[int]") -> None:
    book = SlotBook(connect(url), sweep_id)
    while (slot := book.claim(worker)) is not None:
        queue.put(slot.number)
        book.finish(slot, "done", score=0.5)


@pytest.mark.slow
def test_processes_that_claim_at_once_share_the_slots_exactly(
    storage: Storage, storage_url: str
) -> None:
    row, book = make_sweep(storage, trials=60)
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
    assert book.counts()["done"] == 60


def test_a_raised_budget_adds_slots_and_a_lowered_one_takes_only_untouched_ones(
    storage: Storage,
) -> None:
    row, book = make_sweep(storage, trials=3)
    ledger = Ledger(storage)
    book.finish(claim(book), "done", score=0.5)
    begun = claim(book)
    book.assign_trial(begun, 1, 11)
    ledger.change_budget(row.id, "new file", trials=5)
    assert book.counts() == {"free": 3, "running": 1, "done": 1, "pruned": 0, "failed": 0}
    book.release_held_by("w")
    ledger.change_budget(row.id, "new file", trials=1)
    assert book.counts()["done"] == 1
    assert [slot.trial_number for slot in book.all() if slot.state == "free"] == [1]
    found = ledger.sweep("tissue")
    assert found is not None
    assert found.file == "new file"


def test_slots_added_after_a_lowered_budget_keep_numbers_apart(storage: Storage) -> None:
    row, book = make_sweep(storage, trials=4)
    Ledger(storage).change_budget(row.id, "f", trials=2)
    Ledger(storage).change_budget(row.id, "f", trials=5)
    numbers = [slot.number for slot in book.all()]
    assert len(numbers) == len(set(numbers)) == 5


def test_a_freed_slot_is_claimed_first_with_its_trial_and_run(storage: Storage) -> None:
    _, book = make_sweep(storage)
    claim(book, "a")
    second = claim(book, "b")
    book.assign_trial(second, 7, 70)
    book.note_run(7, "run")
    assert book.free_slots_of(["b"]) == 1
    again = claim(book, "c")
    assert (again.trial_number, again.trial_id, again.run_id) == (7, 70, "run")
    assert (again.attempt, again.losses) == (2, 1)


def test_the_first_worker_of_a_trial_that_was_taken_over_can_write_nothing(
    storage: Storage,
) -> None:
    _, book = make_sweep(storage)
    late = claim(book, "late")
    book.assign_trial(late, 0, 1)
    book.free_slots_of(["late"])
    new = claim(book, "new")
    for write in (
        lambda: book.finish(late, "done", score=1.0),
        lambda: book.note_params(late, {}),
        lambda: book.check_held(late),
        lambda: book.enter_finetuning(late, 1.0, top=1.0),
        lambda: book.assign_trial(late, 5, 5),
    ):
        with pytest.raises(SlotLostError, match="another worker"):
            write()
    book.finish(new, "done", score=0.25)
    assert book.all()[0].score == 0.25


def test_a_trial_belongs_to_one_slot(storage: Storage) -> None:
    _, book = make_sweep(storage)
    first, second = claim(book), claim(book)
    assert book.assign_trial(first, 3, 30)
    assert not book.assign_trial(second, 3, 30)
    assert book.assign_trial(second, 4, 40)


def test_a_trial_whose_worker_dies_again_and_again_fails_in_the_end(storage: Storage) -> None:
    _, book = make_sweep(storage, trials=1)
    for _ in range(MAX_LOSSES):
        claim(book, "w")
        book.free_slots_of(["w"])
    slot = book.all()[0]
    assert slot.state == "failed"
    assert "killed 3 times" in str(slot.reason)
    assert book.claim("w") is None


def test_a_trial_that_is_given_back_does_not_count_as_lost(storage: Storage) -> None:
    _, book = make_sweep(storage, trials=1)
    for _ in range(MAX_LOSSES + 2):
        claim(book, "w")
        book.release_held_by("w")
    assert book.all()[0].state == "free"
    assert book.all()[0].losses == 0


def test_the_rung_lets_in_the_best_share_of_all_scores_seen_so_far(storage: Storage) -> None:
    _, book = make_sweep(storage, trials=6)
    scores = [0.5, 0.4, 0.6, 0.55, 0.58, 0.61]
    entered = [book.enter_finetuning(claim(book), score, top=0.4) for score in scores]
    # Of 1 to 6 scores, ceil(0.4 n) are in the top: 1, 1, 2, 2, 2, 3; by hand:
    assert entered == [True, False, True, True, True, True]


def test_a_second_attempt_with_the_same_score_gets_the_same_answer(storage: Storage) -> None:
    _, book = make_sweep(storage, trials=3)
    first = claim(book, "a")
    assert book.enter_finetuning(first, 0.5, top=0.1)
    assert book.enter_finetuning(claim(book, "b"), 0.9, top=0.1)
    book.release_held_by("a")
    again = claim(book, "c")
    assert again.number == first.number
    assert book.enter_finetuning(again, 0.5, top=0.1)
    assert not book.enter_finetuning(again, 0.45, top=0.1)


@pytest.mark.slow
def test_a_worker_of_this_host_whose_process_is_gone_is_noticed(storage: Storage) -> None:
    row, _ = make_sweep(storage)
    queue: multiprocessing.Queue[str] = spawn.Queue()
    url = storage.url.render_as_string(hide_password=False)
    process = spawn.Process(target=join_and_end, args=(url, row.id, queue))
    process.start()
    dead = queue.get(timeout=60)
    process.join(timeout=60)
    crew = Crew(storage, row.id)
    alive = crew.join("cpu", 0.0)
    assert list(crew.gone()) == [dead]
    crew.mark_lost([dead])
    crew.leave(alive)
    assert {worker.state for worker in crew.all()} == {"lost", "left"}


def join_and_end(url: str, sweep_id: str, queue: "multiprocessing.Queue[str]") -> None:
    queue.put(Crew(connect(url), sweep_id).join("cpu", 0.0))


@pytest.mark.slow
def test_processes_that_open_a_new_storage_at_once_all_succeed(
    storage_url: str, tmp_path: Path
) -> None:
    processes = [spawn.Process(target=connect, args=(storage_url,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
