"""The trials of a sweep as tables: a row each, and a row for each phase of them."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from search.progress import worker_name
from search.status import TrialRecord
from search.storage.records import Slot, WorkerRow

if TYPE_CHECKING:
    import pandas as pd

TRIAL_COLUMNS = (
    "trial",
    "state",
    "score",
    "stage",
    "clean",
    "shifted",
    "first_score",
    "finetuning",
    "finetuned_score",
    "device_s",
    "started_at",
    "ended_at",
    "reason",
    "run_id",
)
PHASE_COLUMNS = (
    "trial",
    "phase",
    "state",
    "score",
    "worker",
    "host",
    "device",
    "started_at",
    "ended_at",
    "reason",
)


def trial_table(records: Iterable[TrialRecord]) -> "pd.DataFrame":
    """Give each trial a row, its parameters as ``params.NAME``; times are in UTC.

    Args:
        records: Of the trials.
    """
    rows = []
    for record in records:
        params = {f"params.{name}": value for name, value in record.params.items()}
        rows.append({name: getattr(record, name) for name in TRIAL_COLUMNS} | params)
    return _table(rows, TRIAL_COLUMNS)


def phase_table(
    slots: Iterable[Slot], workers: Iterable[WorkerRow], *, now_s: float
) -> "pd.DataFrame":
    """Give each phase of a trial a row, from its last claim to its end; times are in UTC.

    Args:
        slots: Of the sweep.
        workers: All that the sweep ever had.
        now_s: Up to when what runs has run, in seconds since 1970 by the storage's clock.
    """
    by_id = {row.id: row for row in workers}
    begun = [slot for slot in slots if slot.trial is not None and slot.claimed_at is not None]
    return _table(
        [_phase(slot, by_id.get(slot.worker_id or ""), now_s) for slot in begun], PHASE_COLUMNS
    )


def _phase(slot: Slot, worker: WorkerRow | None, now_s: float) -> dict[str, Any]:
    return {
        "trial": slot.trial,
        "phase": slot.phase,
        "state": slot.state,
        "score": slot.score,
        "worker": worker and worker_name({"id": worker.id}),
        "host": worker and worker.host,
        "device": worker and worker.device,
        "started_at": slot.claimed_at,
        "ended_at": now_s if slot.state == "running" else slot.ended_at,
        "reason": slot.reason,
    }


def _table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> "pd.DataFrame":
    """Make a table that has its columns without rows too."""
    import pandas as pd

    further = dict.fromkeys(name for row in rows for name in row if name not in columns)
    table = pd.DataFrame(rows, columns=[*columns, *further])
    for name in ("started_at", "ended_at"):
        table[name] = pd.to_datetime(table[name], unit="s", utc=True)
    return table
