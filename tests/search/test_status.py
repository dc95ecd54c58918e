"""The document that shows how a sweep stands."""

from search.status import read_status
from search.storage.storage import Storage
from tests.search.small_sweep import enter_sweep, join


def test_what_a_worker_waits_for_stands_in_the_document(storage: Storage) -> None:
    row = enter_sweep(storage)
    join(storage, row.id, "paused", "idle")
    storage.workers(row.id).note_progress("paused", {"waiting": "the disk is full"})
    waiting = {worker["id"]: worker["waiting"] for worker in read_status(storage, row).workers}
    assert waiting == {"paused": "the disk is full", "idle": None}
