"""Bring Optuna and MLflow to what the storage says of trials that nobody works on.

A worker may die between the storage, which hears of everything first, and the others.
"""

from collections.abc import Callable
from functools import cache

from mlruns_config.outbox.outbox import Outbox
from search.storage.records import FINISHED
from search.stored_sweep import StoredSweep
from search.workers.run_record import RunRecord


def settle(opened: StoredSweep, outbox: Callable[[], Outbox]) -> None:
    """Tell Optuna how trials ended, and MLflow how they ended or that they wait.

    Args:
        opened: The sweep.
        outbox: Gives the one to spool with; asked only if there is something to say.
    """
    unsaid = opened.slots.unsaid()
    if not unsaid:
        return
    study = cache(opened.study)
    living = {row.id for row in opened.workers.all() if row.state == "live"}
    for slot in unsaid:
        # Whoever lives says so itself, in a moment.
        if slot.worker_id in living:
            continue
        if slot.state in FINISHED and not slot.told:
            study(slot.phase).tell(slot)
        if slot.trial is not None and slot.spooled != slot.state:
            record = RunRecord.open(opened, outbox(), slot)
            if slot.state == "free":
                record.wait()
            else:
                record.end(slot, opened.trial_folder(slot))
