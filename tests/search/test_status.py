"""The document that shows how a sweep stands."""

import socket
import time
from dataclasses import replace
from typing import Any

import pytest

from search.status import read_status
from search.storage.records import SweepRow
from search.storage.storage import Storage
from tests.search.small_sweep import claim, enter_sweep, join


def test_what_a_worker_waits_for_stands_in_the_document(storage: Storage) -> None:
    row = enter_sweep(storage)
    join(storage, row.id, "paused", "idle")
    storage.workers(row.id).note_progress("paused", {"waiting": "the disk is full"})
    waiting = {worker["id"]: worker["waiting"] for worker in read_status(storage, row).workers}
    assert waiting == {"paused": "the disk is full", "idle": None}


def test_the_time_left_counts_finetunings_that_were_not_begun(storage: Storage) -> None:
    took_s = 0.3
    row = enter_sweep(storage, trials=8, file="sweep: tissue\ndata: {path: cells.npz}")
    book = storage.slots(row.id)
    for _ in range(8):
        book.finish(claim(book), "done", score=0.5, goes_on=True)
    first = book.claim_finetuning("w", lambda worthy, begun: min(worthy))
    assert first is not None
    time.sleep(took_s)
    book.finish(first, "done", score=0.6)
    # A quarter of eight is fine-tuned: one more.
    left_s = read_status(storage, row).seconds_left
    assert left_s is not None
    assert took_s <= left_s < 2 * took_s


FILE = "sweep: tissue\ndata: {path: cells.npz}"


def workers_of(storage: Storage, row: SweepRow) -> dict[str, Any]:
    return {worker["id"]: worker for worker in read_status(storage, row).workers}


def test_a_worker_shows_the_trial_that_it_holds_before_it_has_said_anything(
    storage: Storage,
) -> None:
    row = enter_sweep(storage, file=FILE)
    join(storage, row.id, "busy", "idle")
    book = storage.slots(row.id)
    slot = claim(book, "busy")
    book.assign_trial(slot, 7)
    book.note_params(slot, {"backbone": "small_cnn", "policy": "flip"})
    shown = workers_of(storage, row)
    held = {name: shown["busy"][name] for name in ("trial", "phase", "backbone", "policy", "epoch")}
    assert held == {
        "trial": 7,
        "phase": "head",
        "backbone": "small_cnn",
        "policy": "flip",
        "epoch": None,
    }
    assert shown["idle"]["trial"] is None
    assert (shown["busy"]["device"], shown["busy"]["host"]) == ("cpu", socket.gethostname())


def test_what_a_worker_said_of_an_earlier_trial_or_phase_is_not_shown_as_of_this_one(
    storage: Storage,
) -> None:
    row = enter_sweep(storage, file=FILE)
    join(storage, row.id, "w")
    book = storage.slots(row.id)
    slot = claim(book, "w")
    book.assign_trial(slot, 7)
    said = {"trial": 7, "phase": "head", "stage": "head", "epoch": 3}
    epochs = []
    for told in (said, {**said, "trial": 6}, {**said, "phase": "finetune"}):
        storage.workers(row.id).note_progress("w", told)
        epochs.append(workers_of(storage, row)["w"]["epoch"])
    assert epochs == [3, None, None]
    book.finish(replace(slot, trial=7), "done", score=0.5)
    storage.workers(row.id).note_progress("w", said)
    assert workers_of(storage, row)["w"]["trial"] is None


def test_what_running_trials_have_shared_counts_before_they_end(storage: Storage) -> None:
    row = enter_sweep(storage, file=FILE)
    join(storage, row.id, "w")
    book = storage.slots(row.id)
    first = claim(book, "before")
    book.finish(first, "done", score=0.5, detail={"sharing": {"views": {"made": 2, "reused": 1}}})
    running = claim(book, "w")
    book.assign_trial(running, 1)
    so_far = {"trial": 1, "shared": {"views": {"made": 0, "reused": 5}}}
    storage.workers(row.id).note_progress("w", so_far)
    assert read_status(storage, row).shared == {"views": {"made": 2, "reused": 6}}


def test_failed_trials_stand_together_by_reason_the_latest_first(storage: Storage) -> None:
    row = enter_sweep(storage, trials=4, file=FILE)
    book = storage.slots(row.id)
    for trial, reason in enumerate(("out of memory", "no such file", "out of memory", None)):
        slot = claim(book)
        book.assign_trial(slot, trial)
        book.finish(slot, "failed", reason=reason)
        time.sleep(0.01)
    failures = read_status(storage, row).failures
    assert [(failure["reason"], failure["trials"]) for failure in failures] == [
        ("no reason is stored", [3]),
        ("out of memory", [2, 0]),
        ("no such file", [1]),
    ]
    latest = [failure["latest_at"] for failure in failures]
    assert latest == sorted(latest, reverse=True)


def test_the_best_carries_when_it_was_found_by_the_clock_of_the_document(storage: Storage) -> None:
    row = enter_sweep(storage, file=FILE)
    book = storage.slots(row.id)
    slot = claim(book)
    book.assign_trial(slot, 0)
    ended = book.finish(slot, "done", score=0.5)
    time.sleep(0.05)
    status = read_status(storage, row)
    assert status.best is not None
    assert status.best["ended_at"] == ended.ended_at
    assert status.read_at is not None
    assert 0.04 < status.read_at - status.best["ended_at"] < 30


def test_what_the_rest_costs_is_the_time_left_of_the_gpus_that_work(storage: Storage) -> None:
    row = enter_sweep(storage, trials=3, file=FILE)
    book, workers = storage.slots(row.id), storage.workers(row.id)
    assert read_status(storage, row).money_left is None
    storage.sweeps.change_budget(row.id, {"gpu_hour_price": 3600.0})
    slot = claim(book, "w")
    assert read_status(storage, row).money_left is None
    workers.join("w", "gpu:0,1", 2.0)
    time.sleep(0.2)
    book.finish(slot, "done", score=0.5)
    status = read_status(storage, row)
    # Two more trials of 0.2 s on two GPUs of a unit of money a second.
    assert status.seconds_left is not None
    assert status.money_left == pytest.approx(2 * status.seconds_left)
    assert 0.8 <= (status.money_left or 0.0) < 8


def test_the_time_left_ends_with_the_gpu_hours(storage: Storage) -> None:
    row = enter_sweep(storage, trials=1000, file=FILE)
    book = storage.slots(row.id)
    slot = claim(book, "w")
    storage.workers(row.id).join("w", "gpu:0", 1.0)
    time.sleep(0.2)
    book.finish(slot, "done", score=0.5)
    assert (read_status(storage, row).seconds_left or 0.0) > 100
    storage.sweeps.change_budget(row.id, {"gpu_hours": 10 / 3600})
    left_s = read_status(storage, row).seconds_left
    assert left_s is not None
    assert 0 < left_s <= 10
