"""The document that shows how a sweep stands."""

import time

from search.status import read_status
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
