"""All that the page of a sweep tells, as it was at one moment."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from search.preparation import AUDIT_COUNTS
from search.status import SweepStatus, TrialRecord, read_status, trial_records
from search.storage.records import Slot, SweepRow, WorkerRow
from search.storage.workers import gpu_hours, run_hours
from search.stored_sweep import StoredSweep
from search.sweep_file.sweep_file import SweepFile

if TYPE_CHECKING:
    import optuna

ENDED = ("done", "pruned", "failed")


@dataclass(frozen=True)
class DataFacts:
    """What the sweep learned from."""

    path: str
    fingerprint: str
    classes: tuple[str, ...]
    rows: int
    """Images that train and validate."""
    held_out: int
    excluded: int
    """Junk: images that are neither."""
    junk: Mapping[str, int]
    """Counts by what was found; empty where the audit was made on another machine."""


@dataclass(frozen=True)
class SweepFacts:
    """A sweep at a moment, in full."""

    file: SweepFile
    row: SweepRow
    status: SweepStatus
    trials: Sequence[TrialRecord]
    slots: Sequence[Slot]
    workers: Sequence[WorkerRow]
    read_at: float
    """In seconds since 1970, by the storage's clock."""
    data: DataFacts
    heads: "optuna.Study"
    """The study of the first phases, which has the space with the points."""

    @property
    def name(self) -> str:
        """The sweep's name."""
        return self.row.name

    @cached_property
    def ranked(self) -> Sequence[TrialRecord]:
        """The trials that are done, the best first."""
        done = [t for t in self.trials if t.state == "done" and t.score is not None]
        return sorted(done, key=lambda trial: (-(trial.score or 0.0), trial.trial))

    @property
    def ended(self) -> int:
        """How many trials are done, pruned or failed."""
        return sum(self.status.trials.get(state, 0) for state in ENDED)

    @property
    def hours(self) -> float:
        """Hours in which a worker ran."""
        return run_hours(self.workers)

    @property
    def gpu_hours(self) -> float:
        """The time of all workers times their GPUs, in hours."""
        return gpu_hours(self.workers)

    @property
    def stage_s(self) -> Mapping[str, float]:
        """Seconds in each stage, over all trials."""
        total: dict[str, float] = {}
        for trial in self.trials:
            for stage, seconds in trial.stage_s.items():
                total[stage] = total.get(stage, 0.0) + seconds
        return total

    @property
    def reasons(self) -> Sequence[tuple[str, str, int]]:
        """Why phases were stopped or failed: state, reason, how many; the most frequent first."""
        found = Counter(
            (str(slot.state), slot.reason or "no reason was noted")
            for slot in self.slots
            if slot.state in ("pruned", "failed")
        )
        return [(*why, count) for why, count in found.most_common()]


def read_facts(stored: StoredSweep) -> SweepFacts | None:
    """Read a sweep from the storage; None if it was deleted.

    Args:
        stored: The sweep.
    """
    row = stored.storage.sweeps.refreshed(stored.row)
    if row is None:
        return None
    slots = stored.slots.all()
    workers, read_at = stored.workers.seen()
    return SweepFacts(
        file=stored.file,
        row=row,
        status=read_status(stored.storage, row),
        trials=trial_records(slots),
        slots=slots,
        workers=workers,
        read_at=read_at,
        data=_data(stored),
        heads=stored.study().optuna_study,
    )


def _data(stored: StoredSweep) -> DataFacts:
    from objectives.splits import splits_from_bytes

    splits = splits_from_bytes(stored.row.splits)
    everything = len(splits.groups)
    return DataFacts(
        path=str(stored.file.data.path),
        fingerprint=stored.row.fingerprint,
        classes=stored.class_names,
        rows=len(splits.rows),
        held_out=len(splits.holdout_rows),
        excluded=everything - len(splits.rows) - len(splits.holdout_rows),
        junk=_junk(stored),
    )


def _junk(stored: StoredSweep) -> Mapping[str, int]:
    try:
        counts: Mapping[str, int] = json.loads((stored.folder / "audit" / AUDIT_COUNTS).read_text())
    except (OSError, ValueError):
        return {}  # The audit was made on another machine, or by an older foldsweep.
    return counts
