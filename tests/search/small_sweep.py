"""A sweep of a few slots in a storage, and workers that claim and lose them, without processes."""

from itertools import count

from search.storage.records import Budget, Slot, SweepRow
from search.storage.slots import Slots
from search.storage.storage import Storage

_numbers = count()
KILLED = "its worker was killed"


def enter_sweep(storage: Storage, name: str = "tissue", *, trials: int = 3) -> SweepRow:
    """Enter a sweep that only the storage knows, or give the one of that name."""
    return storage.sweeps.create(
        name,
        "file",
        fingerprint="f" * 64,
        fold_hash="0" * 64,
        splits=b"splits",
        versions={"keras": "3"},
        budget=Budget(trials),
    )


def claim(slots: Slots, worker: str | None = None) -> Slot:
    """Claim a slot that is there, by a worker of that name or by a new one."""
    slot = slots.claim(worker or f"worker-{next(_numbers)}")
    assert slot is not None
    return slot


def kill(storage: Storage, row: SweepRow, worker: str, reason: str = KILLED) -> int:
    """Free what a worker holds as if it had died; gives how many trials it held."""
    workers = storage.workers(row.id)
    workers.join(worker, "cpu", 0.0)
    dead = [found for found in workers.all() if found.id == worker]
    return storage.slots(row.id).lose(dead, reason)
