"""The trials of workers that died go on with others."""

import logging
from collections.abc import Sequence

from search.storage.failures import STORAGE_ERRORS, is_passing
from search.storage.records import WorkerRow
from search.stored_sweep import StoredSweep
from search.workers.liveness import Liveness

KILLED = "its worker was killed"

_logger = logging.getLogger(__name__)


def free_dead_workers(opened: StoredSweep, liveness: Liveness, rows: Sequence[WorkerRow]) -> int:
    """Free the trials of workers that are gone.

    A judgement is carried out at once or not at all: after an outage, all begin anew.

    Args:
        opened: The sweep.
        liveness: Of this process.
        rows: All workers, as they were read just now.

    Returns:
        How many trials were freed.
    """
    gone = set(liveness.gone(rows, opened.storage.failures))
    dead = [row for row in rows if row.id in gone]
    try:
        with opened.storage.impatient():
            return _bury(opened, _of_interest(opened, dead))
    except STORAGE_ERRORS as error:
        if not is_passing(error):
            raise
        _logger.warning("the storage does not answer, so nobody is given up: %s", error)
        return 0


def bury(opened: StoredSweep, worker_ids: Sequence[str], *, reason: str = KILLED) -> int:
    """Free the trials of workers that are known to have ended; gives how many."""
    return _bury(opened, [row for row in opened.workers.all() if row.id in worker_ids], reason)


def _of_interest(opened: StoredSweep, dead: Sequence[WorkerRow]) -> Sequence[WorkerRow]:
    """Leave out those that ended before and hold nothing: in time they are most."""
    if all(row.state == "live" for row in dead):
        return dead
    holders = opened.slots.holders()
    return [row for row in dead if row.state == "live" or row.id in holders]


def _bury(opened: StoredSweep, dead: Sequence[WorkerRow], reason: str = KILLED) -> int:
    if not dead:
        return 0
    freed = opened.slots.lose(dead, reason)
    opened.workers.mark_lost([row.id for row in dead if row.state == "live"])
    return freed
