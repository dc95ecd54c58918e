"""A worker's sign of life, from a thread of its own: training may be silent for minutes."""

import logging
import os
import signal
from collections.abc import Callable

from search.open_sweep import OpenSweep
from search.workers.dead_workers import free_dead_workers
from search.workers.liveness import Liveness
from search.workers.time_left import TimeLeft, seconds_left
from spaces.errors import UnavailableError
from spaces.periodic import Periodic

BEATS_A_LEASE = 6

_logger = logging.getLogger(__name__)


def heartbeat(
    opened: OpenSweep,
    worker_id: str,
    time_left: TimeLeft,
    *,
    launcher_pid: int | None,
    tell: Callable[[], None] = lambda: None,
) -> Periodic:
    """Beat while a block runs, watch others and time, end with the launcher or when asked to.

    Args:
        opened: The sweep.
        worker_id: The worker's.
        time_left: Is told at each beat.
        launcher_pid: The process that started the worker; None for a worker of its own.
        tell: Stores what the worker is doing.
    """
    workers, sweeps = opened.workers, opened.storage.sweeps
    liveness = Liveness(opened.settings.lease_s)

    # Who joins a sweep that is stopped leaves by itself, before its first trial.
    asked = sweeps.stop_level(opened.row.id)

    def stop(level: int) -> None:
        nonlocal asked
        if level > asked:
            _logger.warning("the sweep is asked to stop: this worker leaves")
            if level > 1:
                opened.slots.give_back(worker_id)
                workers.leave(worker_id)
            # The second signal ends it at once.
            for _ in range(level - asked):
                os.kill(os.getpid(), signal.SIGTERM)
        asked = max(asked, level)

    def beat() -> bool:
        try:
            workers.beat(worker_id)
            everyone = workers.all()
            free_dead_workers(opened, liveness, everyone)
            row = sweeps.refreshed(opened.row)
            if row is not None:
                time_left.note(seconds_left(row.budget, everyone))
                stop(row.stop)
            tell()
        except UnavailableError as error:
            _logger.warning("the storage did not take a heartbeat: %s", error)
        if launcher_pid is not None and os.getppid() != launcher_pid:
            _logger.warning("the launcher has gone: this worker gives its trial back")
            os.kill(os.getpid(), signal.SIGTERM)
            return True
        return False

    every_s = min(10.0, opened.settings.lease_s / BEATS_A_LEASE)
    return Periodic(beat, every_s=every_s, name="heartbeat", at_once=True, join_timeout_s=1.0)
