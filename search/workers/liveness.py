"""Who has died: judged by beats that no longer change, on the observer's own clock."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from search.pids import lives, machine_id
from search.storage.records import WorkerRow


@dataclass
class _Seen:
    beat: int
    since_s: float


class Liveness:
    """Watches the workers of one sweep from one process.

    A worker is gone when it said so, when its process has ended (looked at only under the same
    boot and PID namespace), or when its beat has not changed for a lease. Neither host names nor
    anybody's wall clock count. Where this process itself has not looked for a while, because it
    was stopped or the storage did not answer, the leases begin anew.

    Args:
        lease_s: How long a beat may stand still, in seconds.
        clock_s: A monotonic clock.
    """

    def __init__(self, lease_s: float, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._lease_s = lease_s
        self._clock_s = clock_s
        self._seen: dict[str, _Seen] = {}
        self._last_look_s = float("-inf")
        self._failures = 0

    def gone(self, rows: Sequence[WorkerRow], failures: int = 0) -> list[str]:
        """Name the workers that will not go on with what they hold.

        Args:
            rows: All workers, as they were read just now.
            failures: How many calls into the storage this process has seen fail so far.
        """
        now_s = self._clock_s()
        if now_s - self._last_look_s > self._lease_s / 2 or failures != self._failures:
            self._seen.clear()
        self._last_look_s, self._failures = now_s, failures
        return [row.id for row in rows if row.state != "live" or self._is_dead(row, now_s)]

    def _is_dead(self, row: WorkerRow, now_s: float) -> bool:
        if has_ended(row):
            return True
        seen = self._seen.get(row.id)
        if seen is None or seen.beat != row.beat:
            self._seen[row.id] = _Seen(row.beat, now_s)
            return False
        return now_s - seen.since_s > self._lease_s


def has_ended(row: WorkerRow) -> bool:
    """Say whether a worker of this very machine has no process any more."""
    return row.machine == machine_id() and not lives(row.pid, row.pid_started_at)
