"""Sweeps entered in a storage without data, and slots of them that a test works with."""

import uuid

from search.storage.records import Budget, Slot, SweepRow, WorkerRow
from search.storage.slots import Slots
from search.storage.storage import Storage


def make_sweep(
    storage: Storage,
    name: str = "tissue",
    *,
    trials: int = 3,
    file: str = "file",
    fingerprint: str = "f" * 64,
    fold_hash: str = "0" * 64,
) -> SweepRow:
    """Enter a sweep, or give the one of that name."""
    return storage.sweeps.create(
        name,
        file,
        fingerprint=fingerprint,
        fold_hash=fold_hash,
        splits=b"",
        versions={},
        budget=Budget(trials),
    )


def claim(slots: Slots, worker: str | None = None) -> Slot:
    """Take a slot that is known to be there, by default for a worker that holds no other."""
    slot = slots.claim(worker or uuid.uuid4().hex)
    assert slot is not None
    return slot


def join(storage: Storage, sweep_id: str, *names: str) -> list[WorkerRow]:
    """Enter workers of these names, all of this process, and read them back."""
    workers = storage.workers(sweep_id)
    for name in names:
        workers.join(name, "cpu", 0.0)
    return [row for row in workers.all() if row.id in names]
