"""How much of a sweep's time is left: by the storage's clock, and by our own between two looks."""

import time
from collections.abc import Sequence

from search.storage.records import Budget, WorkerRow
from search.storage.workers import gpu_hours, run_hours


def seconds_left(budget: Budget, rows: Sequence[WorkerRow]) -> float:
    """Measure how long the workers of a sweep may go on; infinite without a limit.

    Args:
        budget: Of the sweep.
        rows: All workers that the sweep ever had.
    """
    left_s = float("inf")
    if budget.hours is not None:
        left_s = 3600 * (budget.hours - run_hours(rows))
    most_gpu_hours = budget.most_gpu_hours
    if most_gpu_hours is not None:
        gpus = sum(row.gpus for row in rows if row.state == "live")
        unused_s = 3600 * (most_gpu_hours - gpu_hours(rows))
        left_s = min(left_s, unused_s / gpus if gpus and unused_s > 0 else unused_s)
    # Sums of floats that should be equal differ in the last digits.
    return left_s if left_s > 1e-6 else 0.0


class TimeLeft:
    """When the sweep's time is up, on this process's own clock; safe to share by threads."""

    def __init__(self) -> None:
        self._ends_s = float("inf")

    def note(self, left_s: float) -> None:
        """Take note of what is left at this moment."""
        self._ends_s = time.monotonic() + left_s

    def is_up(self) -> bool:
        """Say whether nothing is left."""
        return time.monotonic() >= self._ends_s
