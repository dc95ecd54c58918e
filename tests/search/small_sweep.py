"""Sweeps entered in a storage without data, and workers that claim and lose their slots."""

from itertools import count

from search.storage.records import Budget, Slot, SweepRow, WorkerRow
from search.storage.slots import Slots
from search.storage.storage import Storage

_numbers = count()
KILLED = "its worker was killed"


def enter_sweep(
    storage: Storage,
    name: str = "tissue",
    *,
    trials: int = 3,
    file: str = "file",
    fingerprint: str = "f" * 64,
    fold_hash: str = "0" * 64,
) -> SweepRow:
    """Enter a sweep that only the storage knows, or give the one of that name."""
    return storage.sweeps.create(
        name,
        file,
        fingerprint=fingerprint,
        fold_hash=fold_hash,
        splits=b"splits",
        versions={"keras": "3"},
        budget=Budget(trials),
    )


def claim(slots: Slots, worker: str | None = None) -> Slot:
    """Claim a slot that is there, by a worker of that name or by a new one."""
    slot = slots.claim(worker or f"worker-{next(_numbers)}")
    assert slot is not None
    return slot


def join(storage: Storage, sweep_id: str, *names: str) -> list[WorkerRow]:
    """Enter workers of these names, all of this process, and read them back."""
    workers = storage.workers(sweep_id)
    for name in names:
        workers.join(name, "cpu", 0.0)
    return [row for row in workers.all() if row.id in names]


def kill(storage: Storage, row: SweepRow, worker: str, reason: str = KILLED) -> int:
    """Free what a worker holds as if it had died; gives how many trials it held."""
    return storage.slots(row.id).lose(join(storage, row.id, worker), reason)
