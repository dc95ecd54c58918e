"""The workers of a sweep: who is there, on which device, doing what."""

import os
import socket
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
from sqlalchemy import insert, select, update

from search.ledger.storage import Storage
from search.ledger.tables import workers

HEARTBEAT_S = 10.0
LEASE_S = 180.0


@dataclass(frozen=True)
class WorkerRow:
    """One worker process. Times in seconds since 1970."""

    id: str
    sweep_id: str
    host: str
    pid: int
    pid_started_at: float
    device: str
    gpus: float
    state: str
    """``live``, ``left`` or ``lost``."""
    started_at: float
    last_seen: float
    progress: Mapping[str, Any] | None


class Crew:
    """The workers of one sweep, present and past.

    Args:
        storage: Where the tables live.
        sweep_id: The sweep.
    """

    def __init__(self, storage: Storage, sweep_id: str) -> None:
        self._storage = storage
        self._sweep_id = sweep_id

    def all(self) -> Sequence[WorkerRow]:
        """Read every worker that ever joined, the first first."""
        query = (
            select(workers)
            .where(workers.c.sweep_id == self._sweep_id)
            .order_by(workers.c.started_at)
        )
        with self._storage.reading() as connection:
            return [WorkerRow(**row._mapping) for row in connection.execute(query)]

    def join(self, device: str, gpus: float) -> str:
        """Enter this process as a worker.

        Args:
            device: ``cpu`` or the GPUs it sees, such as ``gpu:0``.
            gpus: How many GPUs it has, a fraction if it shares one.

        Returns:
            Its id.
        """
        now, host = time.time(), socket.gethostname()
        worker_id = f"{host[:60]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        row = WorkerRow(
            id=worker_id,
            sweep_id=self._sweep_id,
            host=host,
            pid=os.getpid(),
            pid_started_at=psutil.Process().create_time(),
            device=device,
            gpus=gpus,
            state="live",
            started_at=now,
            last_seen=now,
            progress=None,
        )
        with self._storage.writing() as connection:
            connection.execute(insert(workers).values(**vars(row)))
        return worker_id

    def seen(self, worker_id: str, progress: Mapping[str, Any] | None = None) -> None:
        """Note that a worker lives, and what it is doing if that is given."""
        values: dict[str, Any] = {"state": "live", "last_seen": time.time()}
        if progress is not None:
            values["progress"] = dict(progress)
        self._change(worker_id, values)

    def leave(self, worker_id: str) -> None:
        """Note that a worker has ended by itself."""
        self._change(worker_id, {"state": "left", "last_seen": time.time(), "progress": None})

    def mark_lost(self, worker_ids: Sequence[str]) -> None:
        """Note that workers have died."""
        dead = (workers.c.id.in_(worker_ids), workers.c.state == "live")
        with self._storage.writing() as connection:
            connection.execute(update(workers).where(*dead).values(state="lost", progress=None))

    def gone(self) -> Sequence[str]:
        """Name the workers that left, died on this host, or were silent for too long."""
        return [row.id for row in self.all() if row.state != "live" or _is_dead(row)]

    def _change(self, worker_id: str, values: Mapping[str, Any]) -> None:
        with self._storage.writing() as connection:
            connection.execute(update(workers).where(workers.c.id == worker_id).values(**values))


def run_hours(rows: Sequence[WorkerRow]) -> float:
    """Measure the time in which at least one worker ran, in hours."""
    total_s, covered_until = 0.0, float("-inf")
    for row in sorted(rows, key=lambda row: row.started_at):
        total_s += max(0.0, row.last_seen - max(row.started_at, covered_until))
        covered_until = max(covered_until, row.last_seen)
    return total_s / 3600


def gpu_hours(rows: Sequence[WorkerRow]) -> float:
    """Sum the time of all workers times their GPUs, in hours."""
    return sum((row.last_seen - row.started_at) * row.gpus for row in rows) / 3600


def _is_dead(row: WorkerRow) -> bool:
    if row.host == socket.gethostname() and not _process_lives(row.pid, row.pid_started_at):
        return True
    return time.time() - row.last_seen > LEASE_S


def _process_lives(pid: int, started_at: float) -> bool:
    try:
        process = psutil.Process(pid)
        # Clocks drift a little between two readings of the same start.
        same = abs(process.create_time() - started_at) < 2.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
