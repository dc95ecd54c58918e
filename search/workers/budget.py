"""When a sweep has used the time that it was given."""

from collections.abc import Sequence

from search.ledger.crew import WorkerRow, gpu_hours, run_hours
from search.sweep_file.sections import BudgetSettings


def time_is_up(budget: BudgetSettings, rows: Sequence[WorkerRow]) -> bool:
    """Say whether no further trial may start.

    Args:
        budget: Of the sweep file.
        rows: All workers that the sweep ever had.
    """
    if budget.hours is not None and run_hours(rows) >= budget.hours:
        return True
    return budget.gpu_hours is not None and gpu_hours(rows) >= budget.gpu_hours
