"""The workers of a sweep: who is there, on which device, doing what."""

import os
import socket
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import psutil
from sqlalchemy import Connection, Select, insert, select, update
from sqlalchemy.exc import IntegrityError

from search.pids import machine_id
from search.storage.columns import now_s
from search.storage.database import Database
from search.storage.records import WorkerRow
from search.storage.tables import workers


class Workers:
    """The workers of one sweep, present and past.

    Args:
        database: Where the tables live.
        sweep_id: The sweep.
    """

    def __init__(self, database: Database, sweep_id: str) -> None:
        self._database = database
        self._sweep_id = sweep_id

    def all(self) -> Sequence[WorkerRow]:
        """Read every worker that ever joined, the first first."""
        query = self._query()
        rows = self._database.read(lambda connection: connection.execute(query).all())
        return [WorkerRow(**row._mapping) for row in rows]

    def seen(self) -> tuple[Sequence[WorkerRow], float]:
        """Read the same, with the database's present time."""
        query = self._query()

        def look(connection: Connection) -> tuple[Sequence[WorkerRow], float]:
            rows = [WorkerRow(**row._mapping) for row in connection.execute(query)]
            return rows, float(connection.scalar(select(now_s())) or 0.0)

        return self._database.read(look)

    def join(self, worker_id: str, device: str, gpus: float) -> None:
        """Enter this process as a worker.

        Args:
            worker_id: From :func:`new_worker_id`.
            device: ``cpu`` or the GPUs it sees, such as ``gpu:0``.
            gpus: How many GPUs it has, a fraction if it shares one.
        """
        entry = insert(workers).values(
            id=worker_id,
            sweep_id=self._sweep_id,
            host=socket.gethostname(),
            machine=machine_id(),
            pid=os.getpid(),
            pid_started_at=psutil.Process().create_time(),
            device=device,
            gpus=gpus,
            joined_at=now_s(),
            seen_at=now_s(),
        )
        try:
            self._database.write(lambda connection: connection.execute(entry))
        except IntegrityError:
            self.beat(worker_id)  # Entered already, if the database could not say so.

    def beat(self, worker_id: str) -> None:
        """Note that a worker lives."""
        self._change(worker_id, {"state": "live", "beat": workers.c.beat + 1, "seen_at": now_s()})

    def note_progress(self, worker_id: str, progress: Mapping[str, Any] | None) -> None:
        """Note what a worker is doing."""
        self._change(worker_id, {"progress": progress and dict(progress)})

    def leave(self, worker_id: str) -> None:
        """Note that a worker has ended by itself."""
        self._change(worker_id, {"state": "left", "seen_at": now_s(), "progress": None})

    def mark_lost(self, worker_ids: Sequence[str]) -> None:
        """Note that workers have died."""
        dead = (workers.c.id.in_(worker_ids), workers.c.state == "live")
        change = update(workers).where(*dead).values(state="lost", progress=None)
        self._database.write(lambda connection: connection.execute(change))

    def _query(self) -> Select[Any]:
        mine = workers.c.sweep_id == self._sweep_id
        return select(workers).where(mine).order_by(workers.c.joined_at)

    def _change(self, worker_id: str, values: Mapping[str, Any]) -> None:
        change = update(workers).where(workers.c.id == worker_id).values(**values)
        self._database.write(lambda connection: connection.execute(change))


def new_worker_id() -> str:
    """Make the name of a worker: of whatever host and process, no two are the same."""
    return f"{socket.gethostname()[:60]}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def run_hours(rows: Sequence[WorkerRow]) -> float:
    """Measure the time in which at least one worker ran, in hours."""
    total_s, covered_until = 0.0, float("-inf")
    for row in sorted(rows, key=lambda row: row.joined_at):
        total_s += max(0.0, row.seen_at - max(row.joined_at, covered_until))
        covered_until = max(covered_until, row.seen_at)
    return total_s / 3600


def gpu_hours(rows: Sequence[WorkerRow]) -> float:
    """Sum the time of all workers times their GPUs, in hours."""
    return sum((row.seen_at - row.joined_at) * row.gpus for row in rows) / 3600
