"""Bring Optuna and MLflow to what the storage says of trials that nobody works on.

A worker may die between the storage, which hears of everything first, and the others.
"""

from collections.abc import Callable

from mlruns_config.outbox.outbox import Outbox
from search.open_sweep import OpenSweep
from search.storage.records import FINISHED, Slot
from search.workers.run_record import RunRecord


def settle(opened: OpenSweep, outbox: Callable[[], Outbox]) -> None:
    """Tell Optuna how trials ended, and MLflow how they ended or that they wait.

    Args:
        opened: The sweep.
        outbox: Gives the one to spool with; asked only if there is something to say.
    """
    opened.study().tell_all()
    living = {row.id for row in opened.workers.all() if row.state == "live"}
    for slot in opened.slots.all():
        # Whoever lives says so itself, in a moment.
        if _is_unsaid(slot) and slot.worker_id not in living:
            record = RunRecord.open(opened, outbox(), slot)
            if slot.state == "free":
                record.wait()
            else:
                record.end(slot, opened.trial_folder(slot))


def _is_unsaid(slot: Slot) -> bool:
    if slot.trial is None or slot.spooled == slot.state:
        return False
    return slot.state in FINISHED or (slot.state == "free" and slot.spooled is not None)
