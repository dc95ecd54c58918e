"""What a worker is doing, for people: stored with an epoch, and between epochs with a beat."""

import threading
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from objectives.records import Phase
from objectives.sharing import SharingCounts, sum_of_uses
from search.storage.workers import Workers


class Doing:
    """Keeps the ``progress`` of a worker's row; threads may use it at the same time.

    Args:
        workers: The sweep's.
        worker_id: As the storage knows it.
    """

    def __init__(self, workers: Workers, worker_id: str) -> None:
        self._workers = workers
        self._id = worker_id
        self._lock = threading.Lock()
        self._phase: Mapping[str, Any] = {}
        self._now: Mapping[str, Any] = {}
        self._counts: list[SharingCounts] = []
        self._told: Mapping[str, Any] = {}

    def begin(self, trial: int | None, phase: Phase) -> None:
        """Note which phase of a trial the worker runs; the next beat stores it."""
        self.end()
        self._phase = {"trial": trial, "phase": phase}

    def end(self) -> None:
        """Note that it runs none."""
        self._phase, self._now, self._counts = {}, {}, []

    def hear_counts(self, counts: SharingCounts) -> None:
        """Follow counts of what the phase makes and finds made."""
        self._counts.append(counts)

    def change(self, now: Mapping[str, Any]) -> None:
        """Store what the worker is doing now.

        Args:
            now: Any of the keys that a worker has in a status; empty for nothing.
        """
        self._now = now
        self.tell()

    def tell(self) -> None:
        """Store what the worker is doing, if that is not what is stored."""
        # A beat never waits for a call of the trial that the storage does not answer, nor the trial
        # for one of a beat: the next one tells what this leaves out.
        if not self._lock.acquire(blocking=False):
            return
        try:
            now = {**self._phase, **self._now, **self._work()}
            if now != self._told:
                self._workers.note_progress(self._id, now or None)
                self._told = now
        finally:
            self._lock.release()

    def _work(self) -> Mapping[str, Any]:
        """Say what is made, and what was shared so far."""
        counts = list(self._counts)
        if not counts:
            return {}
        making = [what for what in (each.making for each in counts) if what]
        return {
            "making": next(iter(making[-1:]), None),
            "shared": sum_of_uses(asdict(each.so_far()) for each in counts),
        }
