"""A worker's sign of life, from a thread of its own: training may be silent for minutes."""

import logging
import os
import signal
import threading
from types import TracebackType

from search.ledger.crew import HEARTBEAT_S, Crew
from search.workers.failures import STORAGE_ERRORS

_logger = logging.getLogger(__name__)


class Heartbeat:
    """Notes that a worker lives, and ends it if the launcher that started it is gone.

    Args:
        crew: The sweep's.
        worker_id: The worker's.
        launcher_pid: The process that started it; None for a worker of its own.
    """

    def __init__(self, crew: Crew, worker_id: str, launcher_pid: int | None) -> None:
        self._crew = crew
        self._worker_id = worker_id
        self._launcher_pid = launcher_pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        """Start."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self._stop.set()
        self._thread.join(timeout=HEARTBEAT_S)

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_S):
            try:
                self._crew.seen(self._worker_id)
            except STORAGE_ERRORS as error:
                _logger.warning("the storage did not take a heartbeat: %s", type(error).__name__)
            if self._launcher_pid is not None and os.getppid() != self._launcher_pid:
                _logger.warning("the launcher has gone: this worker gives its trial back")
                os.kill(os.getpid(), signal.SIGTERM)
                return
