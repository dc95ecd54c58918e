"""The contract of sweeps and their budgets, held on SQLite and on PostgreSQL."""

import multiprocessing
from dataclasses import replace

import pytest

from search.storage.records import Budget
from search.storage.storage import Storage, open_storage
from tests.search.forked_process import forks
from tests.search.small_sweep import claim, enter_sweep


def test_a_sweep_is_found_again_by_its_name(storage: Storage) -> None:
    row = enter_sweep(storage)
    assert storage.sweeps.find("tissue") == row
    assert storage.sweeps.find("other") is None
    assert storage.sweeps.names() == ["tissue"]
    assert (row.splits, row.versions, row.budget) == (b"splits", {"keras": "3"}, Budget(3))


def test_a_name_that_is_taken_gives_the_sweep_that_has_it(storage: Storage) -> None:
    first = enter_sweep(storage, trials=3)
    assert enter_sweep(storage, trials=9) == first
    assert len(storage.slots(first.id).all()) == 3


def enter(url: str, queue: "multiprocessing.Queue[str]") -> None:
    queue.put(enter_sweep(open_storage(url), trials=5).id)


@pytest.mark.slow
def test_processes_that_enter_one_sweep_at_once_get_the_same(storage_url: str) -> None:
    queue: multiprocessing.Queue[str] = forks.Queue()
    processes = [forks.Process(target=enter, args=(storage_url, queue)) for _ in range(4)]
    for process in processes:
        process.start()
    ids = [queue.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(timeout=60)
    assert len(set(ids)) == 1
    assert len(open_storage(storage_url).slots(ids[0]).all()) == 5


def test_what_changes_while_a_sweep_runs_is_read_again_and_a_deleted_one_is_not_there(
    storage: Storage,
) -> None:
    row = enter_sweep(storage, trials=3)
    storage.sweeps.change_budget(row.id, {"trials": 5, "money": 2.0, "gpu_hour_price": 0.5})
    storage.sweeps.ask_to_stop(row.id, 1)
    found = storage.sweeps.refreshed(row)
    assert found == storage.sweeps.find("tissue")
    assert found is not None
    assert (found.budget, found.stop) == (Budget(5, money=2.0, gpu_hour_price=0.5), 1)
    assert storage.sweeps.refreshed(replace(row, id="gone")) is None


def test_a_raised_budget_adds_slots_and_a_lowered_one_takes_only_untouched_ones(
    storage: Storage,
) -> None:
    row = enter_sweep(storage, trials=3)
    slots, sweeps = storage.slots(row.id), storage.sweeps
    slots.finish(claim(slots, "w"), "done", score=0.5)
    slots.assign_trial(claim(slots, "w"), 1)
    assert sweeps.change_budget(row.id, {"trials": 5, "hours": 2.0}) == Budget(5, 2.0)
    assert slots.counts() == {"free": 3, "running": 1, "done": 1, "pruned": 0, "failed": 0}
    assert sweeps.budget(row.id) == Budget(5, hours=2.0)
    slots.give_back("w")
    assert sweeps.change_budget(row.id, {"trials": 1}) == Budget(1, 2.0)
    assert slots.counts()["done"] == 1
    assert [slot.trial for slot in slots.all() if slot.state == "free"] == [1]
    assert sweeps.find("tissue") == replace(row, trials=1, hours=2.0)


def test_slots_added_after_a_lowered_budget_keep_numbers_apart(storage: Storage) -> None:
    row = enter_sweep(storage, trials=4)
    for trials in (2, 5):
        storage.sweeps.change_budget(row.id, {"trials": trials})
    numbers = [slot.number for slot in storage.slots(row.id).all()]
    assert len(numbers) == len(set(numbers)) == 5


def test_a_sweep_that_goes_on_has_the_file_versions_and_budget_of_that_moment(
    storage: Storage,
) -> None:
    row = enter_sweep(storage)
    storage.sweeps.change_budget(row.id, {"hours": 1.0, "gpu_hours": 3.0})
    limits = {"trials": 4, "gpu_hours": None}
    storage.sweeps.resume(row.id, "new file", versions={"keras": "4"}, limits=limits)
    found = storage.sweeps.find("tissue")
    assert found is not None
    assert (found.file, found.versions, found.budget) == (
        "new file",
        {"keras": "4"},
        Budget(4, 1.0, None),
    )
    assert found.resumed_at >= row.resumed_at
    assert found.created_at == row.created_at
    assert len(storage.slots(row.id).all()) == 4
