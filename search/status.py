"""What is known about a sweep at a moment: state, budget, leaderboard, workers, time left."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from search.storage.records import FINISHED, Budget, Phase, Slot, SweepRow, WorkerRow
from search.storage.storage import Storage
from search.storage.workers import gpu_hours, run_hours
from search.workers.liveness import has_ended
from search.workers.time_left import seconds_left

LEADERBOARD_LENGTH = 10
SHOWN_S = 60.0
"""How long after its last beat a worker is shown as running: the longest lease."""


@dataclass(frozen=True)
class TrialRecord:
    """One trial, for showing."""

    trial: int
    state: str
    score: float | None
    clean: float | None
    shifted: float | None
    fold_scores: Sequence[float]
    interval: Sequence[float] | None
    """Of the score, 95 %, seen alone; only a trial that was the best when it ended has one, and it
    is optimistic."""
    stages: Mapping[str, int]
    """Epochs of each stage that the folds found."""
    params: Mapping[str, Any]
    summaries: Mapping[str, Mapping[str, Any]]
    """By view, ``clean`` and ``shifted``: the fields of objectives.records.ViewSummary."""
    stage_s: Mapping[str, float]
    """Seconds in each stage."""
    metrics: Mapping[str, float]
    """An objective's own numbers."""
    head_score: float | None
    finetuned: bool | None
    """Whether its head-stage score was good enough; None if it never got that far."""
    reason: str | None
    run_id: str | None
    worker: str | None
    attempts: int
    started_at: float | None
    ended_at: float | None
    device_s: float
    """Seconds on its device, all attempts together."""

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class SweepStatus:
    """A sweep at a moment."""

    sweep: str
    state: str
    """``running``, ``interrupted`` (trials are left, nobody runs them), ``done``."""
    budget: Mapping[str, float | int | None]
    trials: Mapping[str, int]
    """Counts by state: free, running, done, pruned, failed."""
    best: Mapping[str, Any] | None
    leaderboard: Sequence[Mapping[str, Any]]
    workers: Sequence[Mapping[str, Any]]
    seconds_left: float | None
    """An estimate; None before the first trial has ended."""
    shared: Mapping[str, Mapping[str, int]]
    """``{"views": {"made": , "reused": , "streamed": }, "features": ...}`` of ended trials."""

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)


def read_status(storage: Storage, row: SweepRow) -> SweepStatus:
    """Read the status of a sweep.

    Args:
        storage: The database.
        row: The sweep.
    """
    slots = storage.slots(row.id).all()
    everyone, now_s = storage.workers(row.id).seen()
    live = [worker for worker in everyone if _seems_alive(worker, now_s)]
    budget = storage.sweeps.budget(row.id)
    counts: dict[str, int] = dict.fromkeys(("free", "running", *FINISHED), 0)
    for slot in slots:
        counts[slot.state] += 1
    over = counts["free"] + counts["running"] == 0 or seconds_left(budget, everyone) == 0
    ranked = sorted(
        (slot for slot in slots if slot.state == "done" and slot.score is not None),
        key=lambda slot: -(slot.score or 0.0),
    )
    leaderboard = [_leader(slot) for slot in ranked[:LEADERBOARD_LENGTH]]
    return SweepStatus(
        sweep=row.name,
        state="running" if live else "done" if over else "interrupted",
        budget=_budget(budget, counts, everyone),
        trials=counts,
        best=leaderboard[0] if leaderboard else None,
        leaderboard=leaderboard,
        workers=[_worker(worker) for worker in live],
        seconds_left=_seconds_left(slots, counts, live, budget, everyone),
        shared=_shared(slots),
    )


def _seems_alive(worker: WorkerRow, now_s: float) -> bool:
    """Judge for showing alone, from one look: whoever frees trials watches for a while."""
    return worker.state == "live" and not has_ended(worker) and now_s - worker.seen_at < SHOWN_S


def trial_records(slots: Sequence[Slot], phases: Sequence[Phase]) -> list[TrialRecord]:
    """Give every trial that was begun, in the order of their numbers.

    Args:
        slots: Of a sweep.
        phases: Of the same.
    """
    begun = [slot for slot in slots if slot.trial is not None]
    heads = {phase.number: phase for phase in phases if phase.stage == "head"}
    ordered = sorted(begun, key=lambda slot: slot.trial or 0)
    return [_record(slot, heads.get(slot.number)) for slot in ordered]


def _record(slot: Slot, head: Phase | None) -> TrialRecord:
    detail = slot.detail or {}
    return TrialRecord(
        trial=slot.trial or 0,
        state=slot.state,
        score=slot.score,
        clean=slot.clean,
        shifted=slot.shifted,
        fold_scores=detail.get("fold_scores", []),
        interval=detail.get("interval"),
        stages=detail.get("epochs", {}),
        params=slot.params or {},
        summaries=detail.get("summaries", {}),
        stage_s=detail.get("stage_s", {}),
        metrics=detail.get("metrics", {}),
        head_score=None if head is None else head.score,
        finetuned=None if head is None else head.goes_on,
        reason=slot.reason,
        run_id=slot.run_id,
        worker=slot.worker_id,
        attempts=slot.claims,
        started_at=slot.began_at,
        ended_at=slot.ended_at,
        device_s=slot.device_s,
    )


def _leader(slot: Slot) -> dict[str, Any]:
    return {
        "trial": slot.trial,
        "score": slot.score,
        "clean": slot.clean,
        "shifted": slot.shifted,
        "interval": (slot.detail or {}).get("interval"),
        "params": dict(slot.params or {}),
        "run_id": slot.run_id,
        "device_s": slot.device_s,
    }


def _worker(row: WorkerRow) -> dict[str, Any]:
    doing: dict[str, Any] = {
        "trial": None,
        "stage": None,
        "epoch": None,
        "folds": {},
        "score": None,
        "waiting": None,
    }
    return {"id": row.id, "host": row.host, "device": row.device, **doing, **(row.progress or {})}


def _shared(slots: Sequence[Slot]) -> dict[str, dict[str, int]]:
    """Sum what trials noted as ``sharing``."""
    total: dict[str, dict[str, int]] = {}
    for slot in slots:
        for kind, counts in ((slot.detail or {}).get("sharing") or {}).items():
            ways = total.setdefault(kind, {})
            for how, count in counts.items():
                ways[how] = ways.get(how, 0) + count
    return total


def _budget(
    budget: Budget, counts: Mapping[str, int], everyone: Sequence[WorkerRow]
) -> dict[str, float | int | None]:
    return {
        "trials": sum(counts.values()),
        "trials_used": sum(counts[state] for state in FINISHED),
        "hours": budget.hours,
        "hours_used": run_hours(everyone),
        "gpu_hours": budget.gpu_hours,
        "gpu_hours_used": gpu_hours(everyone),
    }


def _seconds_left(
    slots: Sequence[Slot],
    counts: Mapping[str, int],
    live: Sequence[WorkerRow],
    budget: Budget,
    everyone: Sequence[WorkerRow],
) -> float | None:
    finished = [slot for slot in slots if slot.state in FINISHED]
    if not finished:
        return None
    each_s = sum(slot.device_s for slot in finished) / len(finished)
    # Trials that run are half done on the average.
    left = each_s * (counts["free"] + counts["running"] / 2) / max(1, len(live))
    if budget.hours is not None:
        left = min(left, max(0.0, budget.hours - run_hours(everyone)) * 3600)
    return left
