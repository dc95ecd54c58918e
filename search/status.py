"""What is known about a sweep at a moment: state, budget, leaderboard, workers, time left."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from objectives.records import Phase
from objectives.sharing import sum_of_uses
from objectives.stopping.rung import size_of_top
from search.failed_trials import failures_by_reason
from search.seen_workers import worker_documents
from search.storage.records import FINISHED, Budget, Slot, Standing, SweepRow, WorkerRow
from search.storage.storage import Storage
from search.storage.workers import gpu_hours, run_hours
from search.sweep_file.stored import stored_file
from search.trial_phases import TrialPhases, leaders, stage_of, trials_of
from search.workers.liveness import has_ended
from search.workers.shares import Turn
from search.workers.time_left import seconds_left

LEADERBOARD_LENGTH = 10
REASONS_SHOWN = 10
SHOWN_S = 60.0
"""How long after its last beat a worker is shown as running: the longest lease."""


@dataclass(frozen=True)
class TrialRecord:
    """One trial, for showing."""

    trial: int
    state: str
    """Of its first phase: what fine-tuning comes to does not change it."""
    score: float | None
    """The better one of its phases."""
    stage: str
    """The stage that the score comes from."""
    clean: float | None
    shifted: float | None
    fold_scores: Sequence[float]
    interval: Sequence[float] | None
    """Of the score, 95 %, seen alone; only a trial that was the best when it ended has one, and it
    is optimistic."""
    stages: Mapping[str, int]
    """Epochs of each stage that the folds found, up to the one that the score comes from."""
    params: Mapping[str, Any]
    summaries: Mapping[str, Mapping[str, Any]]
    """By view, ``clean`` and ``shifted``: the fields of objectives.records.ViewSummary."""
    stage_s: Mapping[str, float]
    """Seconds in each stage."""
    metrics: Mapping[str, float]
    """An objective's own numbers."""
    first_score: float | None
    """Of its first phase."""
    finetuning: str | None
    """State of its second phase; None as long as that was not begun."""
    finetuned_score: float | None
    reason: str | None
    """Why the first phase ended early or failed."""
    finetuning_reason: str | None
    run_id: str | None
    worker: str | None
    attempts: int
    started_at: float | None
    ended_at: float | None
    device_s: float
    """Seconds on its device, all attempts at both phases together."""
    sharing: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """As of a status, of both phases together."""

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class SweepStatus:
    """A sweep at a moment."""

    sweep: str
    state: str
    """``running``, ``stopping`` or ``stopped`` (by ``foldsweep stop``), ``interrupted`` (trials are
    left, nobody runs them), ``done``."""
    budget: Mapping[str, float | int | None]
    trials: Mapping[str, int]
    """Counts by state: free, running, done, pruned, failed."""
    finetuning: Mapping[str, int]
    """The same of the second phases that were begun."""
    best: Mapping[str, Any] | None
    leaderboard: Sequence[Mapping[str, Any]]
    workers: Sequence[Mapping[str, Any]]
    seconds_left: float | None
    """An estimate; None before the first trial has ended."""
    shared: Mapping[str, Mapping[str, int]]
    """``{"views": {"made": , "reused": , "streamed": }, "features": ...}`` of all trials so far."""
    money_left: float | None = None
    """An estimate of what the rest will cost; None without a price or a worker."""
    failures: Sequence[Mapping[str, Any]] = ()
    """Failed trials by reason, see :func:`search.failed_trials.failures_by_reason`."""
    read_at: float | None = None
    """When this was read, in seconds since 1970 by the storage's clock, as all times are."""

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return asdict(self)


def read_status(storage: Storage, row: SweepRow) -> SweepStatus:
    """Read the status of a sweep.

    Args:
        storage: The database.
        row: The sweep.
    """
    book = storage.slots(row.id)
    slots, standing = book.all(), book.standing()
    everyone, now_s = storage.workers(row.id).seen()
    live = [worker for worker in everyone if _seems_alive(worker, now_s)]
    budget = storage.sweeps.budget(row.id)
    over = seconds_left(budget, everyone) == 0 or _is_all_run(row, standing, budget, everyone)
    ranked = leaders(trials_of(slots))[:LEADERBOARD_LENGTH]
    leaderboard = [_leader(trial) for trial in ranked]
    workers = worker_documents(live, slots)
    left_s = _seconds_left(row, slots, standing, live, budget, everyone)
    return SweepStatus(
        sweep=row.name,
        state=_state(is_over=over, is_worked_on=bool(live), is_stopped=row.stop > 0),
        budget=_budget(budget, standing.heads, everyone),
        trials=standing.heads,
        finetuning=standing.finetunings,
        best=leaderboard[0] if leaderboard else None,
        leaderboard=leaderboard,
        workers=workers,
        seconds_left=left_s,
        shared=_shared(slots, workers),
        money_left=_money_left(budget, live, left_s),
        failures=failures_by_reason(slots)[:REASONS_SHOWN],
        read_at=now_s,
    )


def _state(*, is_over: bool, is_worked_on: bool, is_stopped: bool) -> str:
    if is_worked_on:
        return "stopping" if is_stopped else "running"
    if is_over:
        return "done"
    return "stopped" if is_stopped else "interrupted"


def _is_all_run(
    row: SweepRow, standing: Standing, budget: Budget, everyone: Sequence[WorkerRow]
) -> bool:
    counts = (standing.heads, standing.finetunings)
    if any(count["free"] or count["running"] for count in counts):
        return False
    if not standing.worthy.keys() - standing.begun:
        return True
    return not Turn.of(standing, stored_file(row).train, budget, everyone).is_work_left


def _seems_alive(worker: WorkerRow, now_s: float) -> bool:
    """Judge for showing alone, from one look: whoever frees trials watches for a while."""
    return worker.state == "live" and not has_ended(worker) and now_s - worker.seen_at < SHOWN_S


def trial_records(slots: Sequence[Slot]) -> list[TrialRecord]:
    """Give every trial that was begun, in the order of their numbers.

    Args:
        slots: All of a sweep.
    """
    return [trial_record(trial) for trial in trials_of(slots)]


def best_record(slots: Sequence[Slot]) -> TrialRecord | None:
    """Give the first of the leaderboard; None if no trial is finished.

    Args:
        slots: All of a sweep.
    """
    ranked = leaders(trials_of(slots))
    return trial_record(ranked[0]) if ranked else None


def trial_record(trial: TrialPhases) -> TrialRecord:
    """Give one trial, for showing."""
    head, shown, tuned = trial.head, trial.shown, trial.finetuning
    detail = shown.detail or {}
    present = head if tuned is None else tuned
    phases = [slot for slot in (head, tuned) if slot is not None]
    return TrialRecord(
        trial=head.trial or 0,
        state=head.state,
        score=shown.score,
        stage=stage_of(shown),
        clean=shown.clean,
        shifted=shown.shifted,
        fold_scores=detail.get("fold_scores", []),
        interval=detail.get("interval"),
        stages=detail.get("epochs", {}),
        params=shown.params or {},
        summaries=detail.get("summaries", {}),
        stage_s={k: s for slot in phases for k, s in _stage_s(slot).items()},
        metrics=detail.get("metrics", {}),
        first_score=head.score,
        finetuning=None if tuned is None else tuned.state,
        finetuned_score=None if tuned is None else tuned.score,
        reason=head.reason,
        finetuning_reason=None if tuned is None else tuned.reason,
        run_id=head.run_id,
        worker=present.worker_id,
        attempts=sum(slot.claims for slot in phases),
        started_at=head.began_at,
        ended_at=present.ended_at,
        device_s=trial.device_s,
        sharing=_shared(phases),
    )


def _stage_s(slot: Slot) -> Mapping[str, float]:
    found: Mapping[str, float] = (slot.detail or {}).get("stage_s") or {}
    return found


def _leader(trial: TrialPhases) -> dict[str, Any]:
    slot = trial.shown
    return {
        "trial": slot.trial,
        "score": slot.score,
        "stage": stage_of(slot),
        "clean": slot.clean,
        "shifted": slot.shifted,
        "interval": (slot.detail or {}).get("interval"),
        "params": dict(slot.params or {}),
        "run_id": slot.run_id,
        "device_s": trial.device_s,
        "ended_at": slot.ended_at,
    }


def _shared(
    slots: Sequence[Slot], workers: Sequence[Mapping[str, Any]] = ()
) -> dict[str, dict[str, int]]:
    """Sum what ended trials noted as ``sharing``, and what running ones have so far."""
    ended = ((slot.detail or {}).get("sharing") for slot in slots if slot.state in FINISHED)
    running = (worker["shared"] for worker in workers)
    return sum_of_uses(shared for shared in (*ended, *running) if shared)


def _budget(
    budget: Budget, counts: Mapping[str, int], everyone: Sequence[WorkerRow]
) -> dict[str, float | int | None]:
    price = budget.gpu_hour_price
    return {
        "trials": sum(counts.values()),
        "trials_used": sum(counts[state] for state in FINISHED),
        "hours": budget.hours,
        "hours_used": run_hours(everyone),
        "gpu_hours": budget.gpu_hours,
        "gpu_hours_used": gpu_hours(everyone),
        "money": budget.money,
        "money_used": price and price * gpu_hours(everyone),
    }


def _seconds_left(
    row: SweepRow,
    slots: Sequence[Slot],
    standing: Standing,
    live: Sequence[WorkerRow],
    budget: Budget,
    everyone: Sequence[WorkerRow],
) -> float | None:
    """Estimate from what phases have taken so far; one of which none has ended is not known."""
    if not any(slot.state in FINISHED for slot in slots):
        return None
    phases: tuple[tuple[Phase, Mapping[str, int], int], ...] = (
        ("head", standing.heads, 0),
        ("finetune", standing.finetunings, _finetunings_to_come(standing, row)),
    )
    left_s = sum(_phase_s(slots, *phase) for phase in phases) / max(1, len(live))
    return min(left_s, seconds_left(budget, everyone))


def _money_left(budget: Budget, live: Sequence[WorkerRow], left_s: float | None) -> float | None:
    """Expect the workers that live to go on until the end."""
    if budget.gpu_hour_price is None or left_s is None or not live:
        return None
    return budget.gpu_hour_price * sum(row.gpus for row in live) * left_s / 3600


def _finetunings_to_come(standing: Standing, row: SweepRow) -> int:
    """Expect as many of the heads that are not done to be worthy as of those that are."""
    if not standing.worthy:
        return 0
    heads = standing.heads
    still = (heads["free"] + heads["running"]) / sum(heads[state] for state in FINISHED)
    top = stored_file(row).train.finetune_top
    expected = size_of_top(len(standing.worthy) * (1 + still), top=top)
    return max(0, expected - len(standing.begun))


def _phase_s(slots: Sequence[Slot], phase: Phase, counts: Mapping[str, int], to_come: int) -> float:
    took = [slot.device_s for slot in slots if slot.phase == phase and slot.state in FINISHED]
    # What runs is half done on the average.
    return sum(took) / max(1, len(took)) * (to_come + counts["free"] + counts["running"] / 2)
