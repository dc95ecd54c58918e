"""Leases: workers that are entered as live and are not, and the trials that they hold."""

import time
from collections.abc import Iterator, Sequence

from search.doctor.case import Case
from search.doctor.finding import Finding
from search.storage.records import Slot, WorkerRow
from search.workers.dead_workers import free_dead_workers
from search.workers.liveness import Liveness, has_ended

_SLACK = 1.1
"""A beat stands still for a lease as it is seen from here, some looks apart."""


def check_workers(case: Case) -> Iterator[Finding]:
    """Find workers that ended without a word, and trials whose worker is gone."""
    # Slots first: whoever holds one had joined before.
    slots = [slot for slot in case.stored.slots.all() if slot.state == "running"]
    liveness = Liveness(case.stored.settings.lease_s)
    rows = _judged(case, liveness)
    dead = [row for row in rows if row.state == "live" and row.id in case.gone]
    lost = _still_held(case, slots, {row.id for row in rows} - case.living())
    known = {row.id for row in rows}
    if case.mending.is_wanted and (dead or lost):
        free_dead_workers(case.stored, liveness, case.stored.workers.all())
    for row in dead:
        yield case.mending.found(
            "dead worker",
            f"worker {row.id} on {row.host} is entered as live, but {_reason(row)}",
            case.name,
            mend=lambda: True,
        )
    for slot in lost:
        yield case.mending.found(
            "lost trial",
            f"it is held by worker {slot.worker_id}, which is gone",
            case.where(slot),
            mend=lambda: True,
        )
    for slot in _still_held(case, slots, {slot.worker_id or "" for slot in slots} - known):
        worker = slot.worker_id or ""
        yield case.mending.found(
            "lost trial",
            f"it is held by worker {worker or 'of no name'}, which never joined",
            case.where(slot),
            mend=lambda worker=worker: case.stored.slots.give_back(worker),  # type: ignore[misc]
        )


def _judged(case: Case, liveness: Liveness) -> Sequence[WorkerRow]:
    """Note who is gone; whose last beat is older than a lease is watched for one."""
    stored, lease_s = case.stored, case.stored.settings.lease_s
    deadline_s = time.monotonic() + _SLACK * lease_s
    while True:
        rows, now_s = stored.workers.seen()
        case.gone = set(liveness.gone(rows, stored.storage.failures))
        silent = [
            row
            for row in rows
            if row.state == "live" and row.id not in case.gone and now_s - row.seen_at > lease_s
        ]
        if not silent or time.monotonic() > deadline_s:
            return rows
        time.sleep(min(1.0, lease_s / 8))


def _reason(row: WorkerRow) -> str:
    if has_ended(row):
        return "its process has ended"
    return "its beat has stood still for longer than the lease"


def _still_held(case: Case, slots: Sequence[Slot], workers: set[str]) -> list[Slot]:
    """Give those of some running phases that workers have held all the while."""
    suspected = [slot for slot in slots if (slot.worker_id or "") in workers]
    if not suspected:
        return []
    now = {(slot.number, slot.phase): slot for slot in case.stored.slots.all()}
    return [
        slot
        for slot in suspected
        if (found := now.get((slot.number, slot.phase)))
        and (found.state, found.attempt) == ("running", slot.attempt)
    ]
